"""What the page shows is computed again when the ledger or the calendar changed, and only then; on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stackledger.errors import StorageError
from stackledger.ledger.engines.base import Edit, Engine
from stackledger.ledger.reprice import reprice
from stackledger.ledger.summary import PeriodSummary, Summaries, summarise
from tests.integration.ledger.building import NOON, Ledger, PriceList, event, flat_rate

BERLIN = ZoneInfo("Europe/Berlin")


class Page:
    """What is shown, and how often it was computed."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.computed = 0
        self._summaries = Summaries(engine, BERLIN, self._compute)

    def _compute(self, now_us: int) -> list[PeriodSummary]:
        self.computed += 1
        return summarise(self.engine, now_us, BERLIN, values=5, users=5)

    def at(self, now: datetime) -> dict[str, PeriodSummary]:
        return {one.name: one for one in self._summaries.at(round(now.timestamp() * 1e6))}

    def settled(self, now: datetime) -> int:
        """Ask until nothing is computed any more; how often it was until now."""
        for _ in range(3):
            self.at(now)
        before = self.computed
        self.at(now)
        assert self.computed == before
        return before


def test_it_is_computed_again_after_every_change_and_not_without_one(engine: Engine) -> None:
    ledger, page = Ledger(engine), Page(engine)
    before = page.settled(NOON)
    ledger.put([event(1, user="x"), event(2, model="later")], 1)
    shown = page.at(NOON)["today"]
    assert (shown.events, shown.unpriced, shown.users) == (2, 1, 2)
    assert page.settled(NOON) > before
    prices = PriceList("book-2", {"m1": flat_rate(8), "later": flat_rate(5)})
    from_us = round((NOON - timedelta(days=1)).timestamp() * 1e6)
    reprice(
        engine, prices, from_us=from_us, until_us=from_us + 2 * 86_400_000_000, only_unpriced=True, cause="t", made_us=1
    )
    assert page.at(NOON)["today"].unpriced == 0
    page.settled(NOON)
    engine.edit([Edit("UPDATE person SET name = 'erased-1', erased = 1 WHERE name = ?", ["x"])], forget=["x"])
    assert ("erased-1",) in [one.keys for one in page.at(NOON)["today"].top_users]
    page.settled(NOON)


def test_a_new_day_of_finance_is_shown_from_its_first_moment(engine: Engine) -> None:
    Ledger(engine).put([event(1)], 1)
    page = Page(engine)
    midnight = datetime(2026, 3, 1, 23, tzinfo=UTC)  # in Berlin
    before = page.settled(midnight - timedelta(milliseconds=1))
    assert page.at(midnight - timedelta(milliseconds=1))["today"].events == 1
    assert page.computed == before
    after = page.at(midnight)
    assert (after["today"].events, after["yesterday"].events, after["month"].events) == (0, 1, 1)
    assert page.computed == before + 1


def test_what_fails_is_computed_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger(engine).put([event(1)], 1)
    page = Page(engine)
    with monkeypatch.context() as broken:

        def gone(*_: object) -> None:
            raise StorageError("gone")

        broken.setattr(type(engine), "query", gone)
        with pytest.raises(StorageError):
            page.at(NOON)
    assert page.at(NOON)["today"].events == 1
