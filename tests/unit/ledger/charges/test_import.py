"""Bills as vendors write them: FOCUS of both generations, CSV and Parquet, and our own columns; exact to the digit."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

from stackledger.errors import QuestionError
from stackledger.ledger.charges import focus, plain
from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.charges.names import Meaning, fingerprint, meaning, sender, tokens_in
from stackledger.ledger.charges.rows import identified, packed, unpacked

OLD = {
    "BilledCost": "0.0000001234567890", "EffectiveCost": "0.00000012", "ListCost": "1.5e-7", "BillingAccountId": "111",
    "SubAccountId": "222", "BillingCurrency": "USD", "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z", "ChargeCategory": "Usage", "ChargeClass": "",
    "ChargePeriodStart": "2026-10-05T00:00:00Z", "ChargePeriodEnd": "2026-10-06T00:00:00Z",
    "ProviderName": "Amazon Web Services", "PublisherName": "Anthropic", "InvoiceIssuerName": "Amazon Web Services",
    "ServiceCategory": "AI and Machine Learning", "ServiceName": "Amazon Bedrock", "ConsumedQuantity": "12.345",
    "ConsumedUnit": "1K tokens", "SkuMeter": "USE1-Claude4.6Sonnet-cache-read-input-token-count", "InvoiceId": "",
    "x_secret": "kept out",
}  # fmt: skip
NEW = {name: value for name, value in OLD.items() if name not in ("ProviderName", "PublisherName")} | {
    "ServiceProviderName": "Anthropic", "HostProviderName": "AWS",
}  # fmt: skip


def csv(path: Path, *rows: dict[str, str]) -> str:
    text = "\n".join([",".join(rows[0]), *(",".join(f'"{cell}"' for cell in row.values()) for row in rows)]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return str(path)


@pytest.mark.parametrize("row", [OLD, NEW], ids=["1.2", "1.4"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_line_of_focus_is_read_exactly(tmp_path: Path, row: dict[str, str], name: str) -> None:
    (one,) = focus.charges(csv(tmp_path / name, row))
    assert one.provider == "aws"
    assert (one.source, one.account, one.kind, one.category) == ("aws/111", "222", "bill", "usage")
    assert (one.model, one.unit, one.quantity) == ("Claude4.6Sonnet", "cache_read", 12_345 * 10**12)
    assert (one.billed, one.effective, one.listed) == (123_457, 120_000, 150_000)  # half to even at 1e-12
    assert (one.until_us - one.from_us, one.period_until_us - one.period_from_us) == (
        86_400 * 10**6,
        31 * 86_400 * 10**6,
    )
    assert unpacked(packed(one)) == one


def test_parquet_of_decimals_and_of_doubles_is_read_exactly(tmp_path: Path) -> None:
    path = str(tmp_path / "a.parquet")
    columns = ", ".join(f"'{value}' AS \"{name}\"" for name, value in OLD.items() if name not in _TYPED)
    duckdb.sql(
        f"COPY (SELECT {columns}, 0.1::DOUBLE AS BilledCost, 123456789012.123456789012::DECIMAL(38,12) AS ListCost,"
        " TIMESTAMP '2026-10-05 00:00:00' AS ChargePeriodStart,"
        " TIMESTAMPTZ '2026-10-06 02:00:00+02' AS ChargePeriodEnd,"
        f" MAP {{'a': 'b'}} AS Tags) TO '{path}' (FORMAT parquet)"
    )
    (one,) = focus.charges(path)
    assert (one.billed, one.listed) == (10**11, 123456789012123456789012)
    assert one.until_us - one.from_us == 86_400 * 10**6


_TYPED = {"BilledCost", "ListCost", "ChargePeriodStart", "ChargePeriodEnd"}


def test_every_wrong_row_is_named_with_a_remedy_and_nothing_is_taken(tmp_path: Path) -> None:
    path = csv(
        tmp_path / "a.csv", OLD, OLD | {"BilledCost": "1,000"}, OLD | {"ChargeCategory": "Fun"},
        OLD | {"ChargePeriodStart": "soon"}, OLD | {"BillingAccountId": ""}, OLD | {"BilledCost": "nan"},
        OLD | {"ChargePeriodEnd": OLD["ChargePeriodStart"]},
    )  # fmt: skip
    with pytest.raises(QuestionError) as told:
        list(focus.charges(path))
    text = str(told.value)
    assert [f"row {n}:" in text for n in range(1, 8)] == [False, *[True] * 6]
    assert "without a thousands sign" in text
    assert "FOCUS has Usage, Purchase" in text
    assert "was taken" in text


def test_a_file_of_another_format_says_which_columns_are_missing(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", {"provider": "openai", "amount": "1", "day": "2026-10-05"})
    with pytest.raises(QuestionError, match=r"no column BilledCost, .* --format"):
        list(focus.charges(path))
    with pytest.raises(QuestionError, match="is no file"):
        list(focus.charges(str(tmp_path / "none.csv")))
    broken = tmp_path / "b.parquet"
    broken.write_text("no")
    with pytest.raises(QuestionError, match="cannot be read as Parquet"):
        list(focus.charges(str(broken)))


def test_what_is_not_about_models_is_infrastructure_and_a_correction_is_marked(tmp_path: Path) -> None:
    machine = {
        "ServiceCategory": "Compute",
        "SkuMeter": "BoxUsage",
        "ConsumedUnit": "Hours",
        "ChargeClass": "Correction",
    }
    one, tax = focus.charges(csv(tmp_path / "a.csv", OLD | machine, OLD | {"ChargeCategory": "Tax"}))
    assert (one.kind, one.unit, one.quantity, one.corrects) == ("infrastructure", "Hours", 12_345 * 10**9, True)
    assert tax.category == "tax"


def test_our_own_columns(tmp_path: Path) -> None:
    row = {
        "from": "2026-10-01", "to": "2026-10-31", "provider": "OpenAI", "account": "proj_1", "model": "", "unit": "",
        "sku": "gpt-4o-2024-08-06, cached input", "quantity": "1000", "amount": "-1.25", "currency": "usd",
        "category": "", "period": "2026-09", "corrects": "yes",
    }  # fmt: skip
    (one,) = plain.charges(csv(tmp_path / "a.csv", row))
    assert (one.model, one.unit, one.quantity, one.billed) == (
        "gpt-4o-2024-08-06",
        "cache_read",
        10**15,
        -1_250_000_000_000,
    )
    assert (one.until_us - one.from_us, one.category, one.corrects) == (31 * 86_400 * 10**6, "usage", True)
    with pytest.raises(QuestionError, match="row 1: the column 'ammount' is unknown: did you mean 'amount'"):
        list(plain.charges(csv(tmp_path / "b.csv", row | {"ammount": "1"})))
    with pytest.raises(QuestionError, match=r"(?s)'output_tokens' is no bucket.*was taken"):
        list(plain.charges(csv(tmp_path / "c.csv", row | {"model": "m", "unit": "output_tokens"})))


def test_equal_lines_are_two_and_the_files_name_is_no_part_of_a_line() -> None:
    one = Charge(
        "bill",
        "s",
        "a.csv",
        "p",
        "",
        0,
        1,
        0,
        1,
        "",
        "m",
        "output",
        1,
        5,
        None,
        None,
        "USD",
        "usage",
        corrects=False,
        invoice="",
        row_id="",
    )
    first, second, other = identified([one, one._replace(file="b.csv"), one._replace(billed=6)])
    assert first.row_id[:-2] == second.row_id[:-2] != other.row_id[:-2]
    assert (first.row_id[-2:], second.row_id[-2:]) == ("-1", "-2")


@pytest.mark.parametrize(
    ("provider", "words", "model", "bucket"),
    [
        ("aws", "USE1-Claude4.6Sonnet-input-tokens", "Claude4.6Sonnet", "input_uncached"),
        ("aws", "USE1-Claude4Sonnet-cache-read-input-token-count-cross-region-global", "Claude4Sonnet", "cache_read"),
        ("aws", "NovaPro-cache-write-input-token-count", "NovaPro", "cache_write_5m"),
        ("aws", "USE1-openai.gpt-oss-120b-mantle-output-tokens-standard", "openai.gpt-oss-120b", "output"),
        ("openai", "gpt-4o-2024-08-06, input", "gpt-4o-2024-08-06", "input_uncached"),
        ("openai", "gpt-4o-2024-08-06, Output", "gpt-4o-2024-08-06", "output"),
        ("openai", "gpt-4o-2024-08-06, cached input", "gpt-4o-2024-08-06", "cache_read"),
        ("openai", "gpt-4o, input uncached", "gpt-4o", "input_uncached"),
        ("openai", "gpt-4o-audio-preview, audio input", "gpt-4o-audio-preview", "audio_input"),
        ("anthropic", "Claude Sonnet 4 Usage - Input Tokens", "Claude Sonnet 4", "input_uncached"),
        ("anthropic", "Claude Sonnet 4 Usage - Input Tokens, Cache Read", "Claude Sonnet 4", "cache_read"),
        ("anthropic", "Claude Sonnet 4 Usage - Input Tokens, Cache Write (1h)", "Claude Sonnet 4", "cache_write_1h"),
        ("anthropic", "Web Search Usage", "", "web_search"),
        ("azure", "gpt 4o 0806 Inp glbl Tokens", "gpt 4o 0806", "input_uncached"),
        ("azure", "gpt 4o 0806 cchd Inp glbl Tokens", "gpt 4o 0806", "cache_read"),
        ("google", "Gemini 2.5 Flash Text Input - Predictions", "Gemini 2.5 Flash", "input_uncached"),
        ("google", "Gemini 2.5 Pro Thinking Text Output - Predictions", "Gemini 2.5 Pro", "reasoning"),
    ],
)  # fmt: skip
def test_words_on_bills(provider: str, words: str, model: str, bucket: str) -> None:
    assert meaning(provider, words) == Meaning(model, bucket)


def test_words_that_nobody_knows_mean_nothing() -> None:
    assert meaning("aws", "USE1-BoxUsage:m5.large") is None
    assert meaning("openai", "assistants api | file search") is None


def test_names_of_one_model() -> None:
    same = [
        ("Claude4.6Sonnet", "us.anthropic.claude-sonnet-4-6-20260501-v1:0", "Claude Sonnet 4.6", "claude-sonnet-4-6"),
        ("gpt 4o 0806", "gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("NovaPro", "Nova Pro", "us.amazon.nova-pro-v1:0"),
        ("DeepSeekR1", "us.deepseek.r1-v1:0"),
    ]
    for names in same:
        assert len({fingerprint(name) for name in names}) == 1, names
    assert fingerprint("gpt-4o") != fingerprint("gpt-4o-mini")
    assert fingerprint("claude-sonnet-4-6") != fingerprint("claude-sonnet-4")
    assert fingerprint("claude-sonnet-4-6") != fingerprint("claude-sonnet-6-4")


def test_units_and_senders() -> None:
    told = ["Tokens", "1K tokens", "1M Tokens", "1000 Tokens", "Million tokens", "Thousand Tokens", "Hours", "GB"]
    assert [tokens_in(one) for one in told] == [1, 1000, 10**6, 1000, 10**6, 1000, None, None]
    assert [sender(one) for one in ("Amazon Web Services", "Microsoft", "OpenAI", "vertex_ai", "Acme")] == [
        "aws", "azure", "openai", "google", "acme",
    ]  # fmt: skip
