"""Proofs (e) and (g): unknown is never 0, and a corrected price moves only calls from its day on, keeping the old."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stackledger.ledger.apply import Applier
from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.engines.duck.engine import DuckEngine
from stackledger.ledger.event import UsageEvent
from stackledger.ledger.explain import explain
from stackledger.ledger.inbox import Inbox, Waiting
from stackledger.ledger.prices.book import Line, Rate, Window
from stackledger.ledger.prices.resolve import Unpriced
from stackledger.ledger.question import Question
from stackledger.ledger.record import Record, encode
from stackledger.ledger.report import ask
from stackledger.ledger.reprice import reprice

UTC_ZONE = ZoneInfo("UTC")
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 10)
RISE = datetime(2026, 11, 6, tzinfo=UTC)


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)


def _rate(pico: int) -> Rate:
    return Rate(tuple({"input_uncached": pico, "requests": 0}.get(name) for name in BUCKETS), f"{pico} a token")


class Book:
    """Prices of some models: a list of (from when, picodollars a token)."""

    def __init__(self, version, **models):
        self.version = version
        self._lines = {
            name: Line(
                "acme",
                name,
                tuple(
                    Window(((0, _rate(pico)),), since, models_after[0] if models_after else None)
                    for place, (since, pico) in enumerate(steps)
                    for models_after in [[later for later, _ in steps[place + 1 :]]]
                ),
            )
            for name, steps in models.items()
        }

    def with_book(self, _book):
        return self

    def line(self, _provider, model, _region, _tier):
        return self._lines.get(model) or Unpriced(f"{model} is not in the book")


OLD = Book("old", known=[(None, 100)])
WITH_NEW = Book("with-new", known=[(None, 100)], new=[(None, 7)])
RISEN = Book("risen", known=[(None, 100), (_us(RISE), 130)], new=[(None, 7)])


def _call(number: int, model: str, tokens: int, **more) -> UsageEvent:
    time = datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(days=number)
    return UsageEvent(
        id=f"{model}-{number}", time=time, provider="acme", model=model,
        usage=Usage(input_uncached=tokens, **more), user="ada",
    )  # fmt: skip


@pytest.fixture
def engine(tmp_path):
    inbox, engine = Inbox(tmp_path / "inbox.sqlite"), DuckEngine(tmp_path / "ledger.duckdb")
    events = [
        *(_call(number, "known", 1000 + number) for number in range(10)),
        *(_call(number, "new", 10) for number in range(3)),
        _call(4, "known-audio", 5),
        UsageEvent(
            id="audio", time=datetime(2026, 11, 2, tzinfo=UTC), provider="acme", model="known",
            usage=Usage(input_uncached=1000, audio_input=1), user="ada",
        ),
    ]  # fmt: skip
    inbox.append([Waiting(1, len(events), encode(Record(events)))])
    Applier(inbox, engine, lambda: OLD).run_once()
    yield engine
    engine.close()
    inbox.close()


def _again(engine, prices, *, only_unpriced=True, dry=False):
    from_us, until_us = _us(datetime(2026, 11, 1, tzinfo=UTC)), _us(datetime(2026, 11, 11, tzinfo=UTC))
    return reprice(
        engine,
        prices,
        from_us=from_us,
        until_us=until_us,
        only_unpriced=only_unpriced,
        cause="test",
        made_us=1,
        dry=dry,
    )


def _whole(engine, **where):
    (line,) = ask(engine, Question((), FIRST, LAST, UTC_ZONE, where)).lines
    return line.events, line.unpriced, line.cost


KNOWN = sum(1000 + number for number in range(10)) * 100


def test_a_call_without_a_known_price_is_counted_and_costs_nothing_known(engine):
    assert _whole(engine) == (15, 5, KNOWN)
    assert _whole(engine, model=("new",)) == (3, 3, 0)


def test_one_bucket_without_a_price_leaves_the_whole_call_without_one(engine):
    told = explain(engine, Question((), FIRST, LAST, UTC_ZONE, {"model": ("known",)}))
    assert told.unpriced == 1
    assert any("audio_input" in rate.unpriced for rate in told.rates)


def test_a_price_that_becomes_known_prices_what_is_there_and_nothing_else(engine):
    done = _again(engine, WITH_NEW)
    assert (done.calls, done.changed, done.newly_priced, done.difference) == (15, 3, 3, 210)
    assert _whole(engine) == (15, 2, KNOWN + 210)
    assert _whole(engine, user=("ada",)) == _whole(engine)
    assert _again(engine, WITH_NEW).changed == 0


def test_a_corrected_price_moves_only_calls_from_its_day_on_and_keeps_the_old(engine):
    before = engine.query("SELECT id, cost, rate FROM llm_call ORDER BY id")
    done = _again(engine, RISEN, only_unpriced=False)
    assert done.changed == 3 + 5
    later = sum(1000 + number for number in range(5, 10))
    assert done.difference == 210 + later * 30
    assert engine.query("SELECT id, cost, rate FROM llm_call ORDER BY id") == before
    for day in range(10):
        moment = date(2026, 11, 1 + day)
        (line,) = ask(engine, Question((), moment, moment, UTC_ZONE, {"model": ("known",)})).lines
        assert line.cost == (1000 + day) * (130 if day >= 5 else 100)
    rows = engine.query("SELECT cost_before, cost FROM correction WHERE id = 'known-7'")
    assert rows == [(1007 * 100, 1007 * 130)]


def test_repriced_twice_the_last_price_holds(engine):
    _again(engine, RISEN, only_unpriced=False)
    done = _again(engine, WITH_NEW, only_unpriced=False)
    assert done.changed == 5
    assert _whole(engine) == (15, 2, KNOWN + 210)


def test_what_was_known_never_becomes_unknown(engine):
    assert _again(engine, Book("empty"), only_unpriced=False).changed == 0
    assert _whole(engine) == (15, 5, KNOWN)


def test_a_dry_run_tells_the_same_and_changes_nothing(engine):
    told = _again(engine, RISEN, only_unpriced=False, dry=True)
    assert (told.number, _whole(engine)) == (0, (15, 5, KNOWN))
    done = _again(engine, RISEN, only_unpriced=False)
    assert (told.changed, told.difference) == (done.changed, done.difference)


def test_an_explanation_sums_to_the_total_and_every_part_to_its_line(engine):
    _again(engine, RISEN, only_unpriced=False)
    question = Question((), FIRST, LAST, UTC_ZONE)
    told = explain(engine, question)
    assert (told.calls, told.unpriced, told.cost) == _whole(engine)
    assert sum(rate.cost for rate in told.rates) + sum(one.after - one.before for one in told.corrections) == told.cost
    for rate in told.rates:
        assert sum(part.cost for part in rate.parts) == rate.cost
        assert all(part.cost == part.units * part.pico_usd for part in rate.parts)
    assert sum(rate.calls for rate in told.rates) == told.calls
    by_id = {call.id: call.cost for call in told.examples}
    assert by_id["known-9"] == 1009 * 130
    assert by_id["new-1"] == 70
    assert by_id["audio"] is None
