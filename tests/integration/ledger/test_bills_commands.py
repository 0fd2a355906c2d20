"""The commands about bills as finance meets them: import, reconcile, close; with the service running and without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackledger.cli import main
from stackledger.ledger.buckets import BUCKETS
from tests.integration.ledger import bill_generator as bills
from tests.integration.ledger.cost_service import CostService

NEGOTIATED = [
    {"provider": provider, "model": model, "usd_per_million": {name: str(value) for name, value in usd.items()}}
    for provider, model, usd in (
        (provider, model, bills.RATES[model])
        for provider, model in sorted({(one[0], one[2]) for one in bills.CALLS})
        if model in bills.RATES
    )
]


def wire_events() -> list[dict[str, Any]]:
    return [
        {
            "id": one.id, "time": one.time.isoformat(), "source": one.source, "provider": one.provider,
            "model": one.model, "tags": one.tags,
            "usage": {name: getattr(one.usage, name) for name in BUCKETS if getattr(one.usage, name)},
        }
        for one in bills.events()
    ]  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "anna.token").write_text("anna-secret-1234567890")
    path = tmp_path / "stackledger.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "version": 1,
                "data_dir": str(tmp_path / "data"),
                "http": {
                    "tokens": [
                        {
                            "name": "anna", "scopes": ["admin"], "role": "finance",
                            "token": {"file": str(tmp_path / "anna.token")},
                        }
                    ]
                },
                "costs": {"bills": {"account": "tag.account"}, "prices": {"negotiated": NEGOTIATED}},
            }
        )
    )  # fmt: skip
    usage = tmp_path / "usage.ndjson"
    usage.write_text("".join(json.dumps(one) + "\n" for one in wire_events()))
    assert main(["costs", "import", "--config", str(path), str(usage)]) == 0
    bills.write_focus(tmp_path / "bill.csv")
    return path


def test_from_a_bill_to_a_signed_month(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["costs", *words, "--config", str(config)])
        told = capsys.readouterr()
        return code, told.out, told.err

    bill = str(tmp_path / "bill.csv")
    code, out, _ = run("import", "--format", "focus", bill)
    assert (code, "26 new, 0 known, 0 earlier ones replaced" in out) == (0, True)
    assert "Nothing changed" in run("import", "--format", "focus", bill)[1]
    code, out, _ = run("reconcile", "--month", "2026-09", "--lines", "30")
    assert code == 0
    for words in (
        "openai proj-a: final, billed on 4 of 4 days with calls; our calls account for 86.1 %",
        "Billed, but no call of ours tells of it (missing events)", "+2.00", "Not compared: 9.00 EUR",
        "openai proj-b gpt-y output (1,000,000 ours, 1,000,000 billed): price +1.00", "unpriced +3.00",
        "rounding -0.004", "mistral m-1: no bill",
    ):  # fmt: skip
        assert words in out
    code, out, _ = run("reconcile", "--month", "2026-09", "--json")
    told = json.loads(out)
    b = next(one for one in told["accounts"] if one["account"] == "proj-b")
    assert b["causes_usd"] == {"price": "2.00", "unpriced": "3.00", "rounding": "-0.004"}
    assert b["difference_usd"] == "4.996"

    code, out, _ = run("close", "2026-09", "--dry-run")
    assert code == 1
    assert "NO  every call has a price: no price is known for openai/old-model (2 calls)" in out
    assert "2026-09 stays open." in out
    code, _, err = run("close", "2026-09")
    assert (code, "--token-file" in err) == (2, True)
    token = ("--token-file", str(tmp_path / "anna.token"))
    accepted = ("--accept-unpriced", "openai/old-model", "--accept-bill", "mistral", "--accept-not-compared", "EUR")
    code, out, _ = run("close", "2026-09", *token, *accepted)
    assert (code, "Statement 1 of 2026-09 made" in out) == (0, True)
    statement = json.loads((tmp_path / "data/statements/statement-2026-09-1.json").read_text())
    assert statement["signed"] == {"name": "anna", "role": "finance"}
    code, out, _ = run("close", "2026-09", *token)
    assert "Statement 1 of 2026-09 is the last" in out


def test_our_own_columns_and_what_is_wrong_with_them(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bill = tmp_path / "invoice.csv"
    bill.write_text("provider,from,to,amount,kind\nacme,2026-09-01,2026-09-30,12,x\n")
    words = ["costs", "import", "--config", str(config), "--format", "bill", str(bill)]
    assert main(words) == 2
    assert "row 1: the column 'kind' is unknown" in capsys.readouterr().err
    bill.write_text("provider,from,to,amount\nacme,2026-09-01,2026-09-30,12.50\n")
    assert main([*words, "--kind", "infrastructure"]) == 0
    assert main([*words[:-1], "-"]) == 2


def test_with_the_service_running_bills_go_over_its_socket(
    cost_service: Callable[..., CostService], tmp_path: Path
) -> None:
    service = cost_service(bills={"account": "tag.account"}, prices={"negotiated": NEGOTIATED})
    usage = tmp_path / "usage.ndjson"
    usage.write_text("".join(json.dumps(one) + "\n" for one in wire_events()))
    service.ask("import", str(usage))
    service.until_events(len(wire_events()))
    bill = bills.write_focus(tmp_path / "bill.csv")
    assert "26 new" in service.ask("import", "--format", "focus", str(bill))
    told = json.loads(service.ask("reconcile", "--month", "2026-09", "--json"))
    causes = {cause for one in told["accounts"] for cause in one["causes_usd"]}
    assert {"missing", "duplicates", "price", "discount", "credits", "tax", "not_ours", "unexplained"} <= causes
    out = tmp_path / "september.parquet"
    assert "lines of FOCUS 1.4" in service.ask("export", "--focus", "1.4", "--month", "2026-09", "--out", str(out))
    assert out.stat().st_size > 0
