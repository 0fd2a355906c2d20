"""Rates of currencies: dated, exact, rounded once; what is missing or too old is unknown, never 1."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackledger import money
from stackledger.domains.cost.loaded import CurrencyRates, RateSource
from stackledger.errors import QuestionError
from stackledger.ledger.rates import Rate, Rates, read_rates

TABLE = """day,from,to,rate
2026-10-30,EUR,USD,1.0832
2026-10-01,EUR,USD,1.05
2026-10-02,usd,JPY,150
2026-10-03,CHF,USD,1.1
2026-10-03,USD,CHF,0.9
"""


def table(path: Path, text: str = TABLE) -> Path:
    path.write_text(text)
    return path


@pytest.fixture
def rates(tmp_path: Path) -> Rates:
    return Rates(read_rates(table(tmp_path / "rates.csv")), longest_age_days=40)


def day(text: str) -> date:
    return date.fromisoformat(text)


def test_a_rate_holds_from_its_day_until_the_next_line(rates: Rates) -> None:
    amount = money.parse("100")
    assert rates.usd(amount, "EUR", day("2026-10-01")) == money.parse("105")
    assert rates.usd(amount, "EUR", day("2026-10-29")) == money.parse("105")
    assert rates.usd(amount, "EUR", day("2026-10-30")) == money.parse("108.32")
    worth = rates.worth(-amount, "EUR", day("2026-11-02"))
    assert worth is not None
    assert (worth.amount, worth.currency, worth.usd) == (-amount, "EUR", money.parse("-108.32"))
    assert str(worth.rate) == "1 EUR = 1.0832 USD (2026-10-30)"
    assert rates.usd(amount, "USD", day("1990-01-01")) == amount


def test_what_is_missing_or_too_old_is_unknown_and_says_why(rates: Rates) -> None:
    for currency, when, words in (
        ("EUR", "2026-09-30", "no rate of EUR to USD is known on 2026-09-30"),
        ("GBP", "2026-10-10", "no rate of GBP to USD is known"),
        ("EUR", "2026-12-10", "the last rate of EUR before 2026-12-10 is of 2026-10-30, older than 40 days"),
    ):
        assert rates.usd(1, currency, day(when)) is None
        assert words in rates.why_not(currency, day(when))
    assert rates.usd(1, "EUR", day("2026-12-09")) == 1
    assert Rates().usd(0, "EUR", day("2026-10-10")) is None


def test_the_other_direction_is_the_exact_inverse_and_a_direct_rate_of_the_day_comes_first(rates: Rates) -> None:
    amount = 10**12
    assert rates.usd(150 * amount, "JPY", day("2026-10-02")) == amount
    assert rates.usd(amount, "JPY", day("2026-10-02")) == 6_666_666_667  # 1e12 / 150, half to even, once
    assert rates.usd(amount, "CHF", day("2026-10-03")) == money.parse("1.1")
    newer = Rates([Rate(day("2026-10-05"), "USD", "EUR", Fraction(1, 2), "0.5"), *read_of("2026-10-01,EUR,USD,1.05")])
    assert newer.usd(10, "EUR", day("2026-10-05")) == 20


def read_of(line: str) -> list[Rate]:
    when, source, target, text = line.split(",")
    return [Rate(day(when), source, target, Fraction(Decimal(text)), text)]


@given(st.integers(-(10**20), 10**20), st.decimals("0.0001", "9999", places=6))
def test_an_amount_is_rounded_once_half_to_even(amount: int, value: Decimal) -> None:
    rates = Rates(read_of(f"2026-10-01,EUR,USD,{value}"))
    exact = Fraction(amount) * Fraction(value)
    usd = rates.usd(amount, "EUR", day("2026-10-01"))
    assert usd is not None
    assert abs(usd - exact) <= Fraction(1, 2)
    if abs(usd - exact) == Fraction(1, 2):
        assert usd % 2 == 0


def test_every_wrong_line_is_named_and_none_is_taken(tmp_path: Path) -> None:
    wrong = table(
        tmp_path / "rates.csv",
        "day,from,to,rate\n2026-13-01,EUR,USD,1\n2026-10-01,EURO,USD,1\n2026-10-01,EUR,GBP,1\n2026-10-01,EUR,USD,0\n"
        "2026-10-01,EUR,USD,one\n2026-10-01,EUR,USD,nan\n2026-10-02,EUR,USD,1\n2026-10-02,EUR,USD,1\n"
        "2026-10-03,EUR,USD\n2026-10-04,EUR,USD,1_08.32\n2026-10-05,EUR,USD,1e99999999999999999999\n",
    )
    with pytest.raises(QuestionError) as told:
        read_rates(wrong)
    text = str(told.value)
    for line, words in (
        (2, "'2026-13-01' is no day"), (3, "'EURO' is no currency"), (4, "one of the two is USD"),
        (5, "rate '0' is none"), (6, "rate 'one' is no decimal"), (7, "rate 'nan' is no decimal"),
        (9, "has another line of 2026-10-02"), (10, "3 cells where 4 are expected"),
        (11, "rate '1_08.32' is no decimal"), (12, "is no decimal"),
    ):  # fmt: skip
        assert f"rates.csv: line {line}: " in text
        assert words in text
    assert "line 8" not in text
    with pytest.raises(QuestionError, match=r"the first line is day,from,to,rate, not day,currency,rate"):
        read_rates(table(tmp_path / "other.csv", "day,currency,rate\n"))
    with pytest.raises(QuestionError, match=r"gone\.csv cannot be read: No such file"):
        read_rates(tmp_path / "gone.csv")


def test_the_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = table(tmp_path / "rates.csv")
    source = RateSource(CurrencyRates(file=path, longest_age_days=300))
    assert source().usd(100, "EUR", day("2026-10-10")) == 105
    assert source() is source()
    path.write_text("day,from,to,rate\n2026-10-01,EUR,USD,2.000\n")
    assert source().usd(100, "EUR", day("2026-10-10")) == 200
    path.unlink()
    with pytest.raises(QuestionError, match="cannot be read"):
        source()
    assert RateSource(None)().usd(100, "EUR", day("2026-10-10")) is None


def test_who_reads_slowly_leaves_no_old_rates_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that read the old table ends as early or as late as it can beside one that reads the mended table."""
    path = table(tmp_path / "rates.csv")
    read, go = threading.Event(), threading.Event()
    first = threading.current_thread()
    kept: list[str] = []
    late: Future[Rates]

    class Interleaved(RateSource):
        def __setattr__(self, name: str, value: object) -> None:
            if read.is_set() and threading.current_thread() is first:
                if kept:  # between two things that it keeps the other thread does all that it has to do
                    go.set()
                    late.result(20)
                kept.append(name)
            super().__setattr__(name, value)

    def slowly(path: Path) -> list[Rate]:
        found = read_rates(path)
        if threading.current_thread() is not first:
            read.set()
            assert go.wait(20)
        return found

    monkeypatch.setattr("stackledger.domains.cost.loaded.read_rates", slowly)
    source = Interleaved(CurrencyRates(file=path, longest_age_days=300))
    with ThreadPoolExecutor(1) as other:
        late = other.submit(source)
        assert read.wait(20)
        path.write_text("day,from,to,rate\n2026-10-01,EUR,USD,2.000\n")
        source()
        go.set()
        late.result(20)
    assert source().usd(100, "EUR", day("2026-10-10")) == 200
