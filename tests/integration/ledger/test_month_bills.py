"""A month's comparison for the pages: kept until a commit, never in anybody's way; and each user's part of a bill."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lab.process import wait_until
from stackledger.clock import SystemClock
from stackledger.domains.cost.config import CostSettings
from stackledger.errors import AuthError, QuestionError, StorageError, UnreachableError
from stackledger.ledger import methods as asked
from stackledger.ledger.asking import Nothing, ReportRequest, StateReply
from stackledger.ledger.bills import comparisons
from stackledger.ledger.bills.asking import BillsReply, BillsRequest, MonthBills, SharesRequest
from stackledger.ledger.bills.comparisons import Comparisons
from stackledger.ledger.bills.shares import shares
from stackledger.ledger.bills.verdict import Verdict, by_provider, summed, verdict, verdict_of_all
from stackledger.ledger.charges import focus
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.charges.store import deliver
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pulls.asking import PullRequest
from stackledger.ledger.reconcile.answers import ReconcileRequest, reconcile_bills
from stackledger.serve.ledger import LedgerProcess
from tests.integration.ledger import bill_generator as bills
from tests.integration.ledger.building import Ledger, event
from tests.integration.ledger.test_close import Opened

SEPTEMBER = date(2026, 9, 1)
ASKED = BillsRequest("UTC", SEPTEMBER, "tag.account")


@pytest.fixture
def opened(engine: Engine, tmp_path: Path) -> Opened:
    """September's calls and bills; every third call is nobody's."""
    events = [
        msgspec.structs.replace(one, user=("", "alice", "bob")[number % 3])
        for number, one in enumerate(bills.events())
    ]  # fmt: skip
    Ledger(engine, bills.prices()).put(events, 1)
    deliver(engine, identified(focus.charges(str(bills.write_focus(tmp_path / "bill.csv")))), 5)
    return Opened(engine)


class Slow:
    """The comparison, which waits to be let go, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go, self.count, self._real = threading.Event(), 0, comparisons.month_bills
        monkeypatch.setattr(comparisons, "month_bills", self)

    def __call__(self, *asked: Any) -> MonthBills:
        self.count += 1
        assert self.go.wait(30)
        return self._real(*asked)


@pytest.fixture
def asking(opened: Opened) -> Iterator[Comparisons]:
    found = Comparisons(opened)
    yield found
    found.close()


def settled(asking: Comparisons, opened: Opened, request: BillsRequest = ASKED) -> MonthBills:
    """What is told once nothing is pending; some time has gone by before."""
    opened.at_us += 1_000_000
    found: list[BillsReply] = []

    def there() -> bool:
        found.append(asking.ask(request))
        return not found[-1].pending

    wait_until(there, what="the comparison", timeout=30)
    told = found[-1].bills
    assert told is not None
    return told


def test_the_pages_have_the_numbers_of_reconcile(opened: Opened, asking: Comparisons) -> None:
    told = settled(asking, opened)
    whole = reconcile_bills(opened, ReconcileRequest(SEPTEMBER, date(2026, 9, 30), "tag.account"))
    assert told.comparison.accounts == whole.accounts
    assert told.differing == len(bills.EXPECTED)
    assert told.comparison.other_currencies == whole.other_currencies
    few = settled(asking, opened, msgspec.structs.replace(ASKED, lines=3))
    assert few.comparison.lines == told.comparison.lines[:3]
    assert few.differing == told.differing
    assert told.statements == []
    opened.close()
    assert [(one.number, one.signed) for one in settled(asking, opened).statements] == [(1, "anna")]


def test_whoever_asks_waits_for_nothing_and_neither_do_commits(
    opened: Opened, asking: Comparisons, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    for _ in range(3):
        assert asking.ask(ASKED) == BillsReply(SEPTEMBER, None, pending=True)
    assert Ledger(opened.engine).put([event(1)], 2).stored == 1  # while it is being compared
    many = [asking.ask(msgspec.structs.replace(ASKED, lines=n)).pending for n in range(20)]
    assert many == [True] * 7 + [False] * 13  # eight may wait, the others are asked for again
    slow.go.set()
    assert settled(asking, opened).comparison.accounts


def test_a_comparison_is_kept_until_something_is_committed(
    opened: Opened, asking: Comparisons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    slow.go.set()
    first = settled(asking, opened)
    assert settled(asking, opened) is first
    assert slow.count == 1
    late = msgspec.structs.replace(bills.events()[0], id="late")
    Ledger(opened.engine, bills.prices()).put([late], 2)
    second = settled(asking, opened)
    assert (slow.count, second == first) == (2, False)
    restated = bills.write_focus(tmp_path / "again.csv", only="Microsoft")
    deliver(opened.engine, [one._replace(billed=1, row_id="1") for one in focus.charges(str(restated))][:1], 6)
    third = settled(asking, opened)
    assert (slow.count, third == second) == (3, False)
    opened.at_us += 3_600_000_000  # an hour: a bill may have become final
    settled(asking, opened)
    assert slow.count == 4


def test_one_that_took_long_is_not_made_again_at_once(
    opened: Opened, asking: Comparisons, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    asking.ask(ASKED)
    wait_until(lambda: slow.count == 1, what="it to begin", timeout=30)
    opened.at_us += 10_000_000  # ten seconds
    slow.go.set()
    wait_until(lambda: not asking.ask(ASKED).pending, what="it to end", timeout=30)
    Ledger(opened.engine).put([event(1)], 2)
    opened.at_us += 39_000_000
    assert not asking.ask(ASKED).pending
    opened.at_us += 1_000_000
    assert asking.ask(ASKED).pending


def failing(asking: Comparisons) -> bool:
    try:
        asking.ask(ASKED)
    except StorageError as error:
        return str(error) == "the disk is gone"
    return False


def test_a_store_that_fails_is_told_and_asked_again(
    opened: Opened, asking: Comparisons, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> MonthBills:
        raise StorageError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(comparisons, "month_bills", broken)
        asking.ask(ASKED)
        wait_until(lambda: failing(asking), what="it to be told", timeout=30)
        assert failing(asking)
    assert settled(asking, opened).comparison.accounts
    with pytest.raises(QuestionError, match="no time zone"):
        asking.ask(BillsRequest("Nowhere"))
    assert "no call has an attribute" in settled(asking, opened, BillsRequest("UTC", SEPTEMBER, "colour")).refused


@pytest.mark.parametrize("account", ["", "tag.account"])
@pytest.mark.parametrize("zones", [{}, {"openai": "America/Los_Angeles"}])
def test_the_users_parts_sum_to_our_side_of_each_bill(opened: Opened, account: str, zones: dict[str, str]) -> None:
    last = date(2026, 9, 30)
    whole = reconcile_bills(opened, ReconcileRequest(SEPTEMBER, last, account, zones=zones))
    sums: Counter[tuple[str, str]] = Counter()
    for user in ("", "alice", "bob"):
        for one in shares(opened.engine, [user], SharesRequest(user, SEPTEMBER, last, account, zones)):
            sums[one.provider, one.account] += int(one.tally.cost)
    wanted = {(one.provider, one.account): int(one.estimated) for one in whole.accounts}
    assert {place: cost for place, cost in sums.items() if cost} == {p: cost for p, cost in wanted.items() if cost}
    assert shares(opened.engine, [], SharesRequest("nobody", SEPTEMBER, last)) == []


def test_a_bill_is_judged_in_a_word_and_by_provider(opened: Opened, asking: Comparisons) -> None:
    accounts = settled(asking, opened).comparison.accounts
    told = {(one.provider, one.account): verdict(one, Fraction(1)) for one in accounts}
    assert told["openai", "proj-a"] is Verdict.UNEXPLAINED  # 0.42 of 17.42 with a credit of 25: billed is -7.58
    assert told["openai", "proj-b"] is Verdict.EXPLAINED
    assert told["mistral", "m-1"] is Verdict.NO_BILL
    a = next(one for one in accounts if one.account == "proj-a")
    assert verdict(a, Fraction(6)) is Verdict.TOLERATED
    assert verdict(msgspec.structs.replace(a, status="provisional"), Fraction(6)) is Verdict.PROVISIONAL
    assert verdict(msgspec.structs.replace(a, causes={}, unexplained="0"), Fraction(0)) is Verdict.MATCHES
    providers = by_provider(accounts)
    assert verdict_of_all(providers["openai"], Fraction(1)) is Verdict.UNEXPLAINED
    sums = {provider: summed(ours) for provider, ours in providers.items()}
    assert set(sums) == {one.provider for one in accounts}
    for side in ("billed", "estimated", "covered", "usage_billed", "unexplained"):
        assert sum(int(getattr(one, side)) for one in sums.values()) == sum(int(getattr(one, side)) for one in accounts)
    for one in sums.values():
        assert int(one.billed) - int(one.estimated) == sum(map(int, one.causes.values()))


def test_answers_that_read_much_keep_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    slow = msgspec.json.encode(ReportRequest((), SEPTEMBER, SEPTEMBER, "UTC"))
    method = asked.METHODS["report"]
    methods = dict(asked.METHODS) | {
        "report": asked.Method(method.request, method.reply, lambda *_: go.wait(60) and None)
    }
    monkeypatch.setattr("stackledger.serve.ledger.METHODS", methods)
    process = LedgerProcess(CostSettings(), tmp_path, SystemClock())

    async def session() -> None:
        waiting = [asyncio.create_task(process.answer("report", slow)) for _ in range(40)]
        try:
            async with asyncio.timeout(20):
                state = await process.answer("state", msgspec.json.encode(Nothing()))
                assert msgspec.json.decode(state, type=StateReply).applying
                bills_told = await process.answer("bills", msgspec.json.encode(BillsRequest("UTC")))
                assert msgspec.json.decode(bills_told, type=BillsReply).pending
                assert await asyncio.to_thread(process._apply_once) is False
            assert not any(one.done() for one in waiting)
        finally:
            go.set()
            await asyncio.gather(*waiting)

    try:
        asyncio.run(session())
    finally:
        process.close()


def test_pulls_that_are_asked_for_keep_no_answer_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()

    def hanging(*_: object) -> None:
        begun.set()
        go.wait(60)

    method = asked.METHODS["pull"]
    slow = asked.Method(method.request, method.reply, hanging)
    monkeypatch.setattr("stackledger.serve.ledger.METHODS", dict(asked.METHODS) | {"pull": slow})
    process = LedgerProcess(CostSettings(), tmp_path, SystemClock())
    report = msgspec.json.encode(ReportRequest((), SEPTEMBER, SEPTEMBER, "UTC"))

    async def session() -> None:
        request = msgspec.json.encode(PullRequest("openai"))
        waiting = [asyncio.create_task(process.answer("pull", request)) for _ in range(40)]
        try:
            assert await asyncio.to_thread(begun.wait, 20)
            async with asyncio.timeout(20):
                assert await process.answer("report", report)
            assert not any(one.done() for one in waiting)
        finally:
            go.set()
            await asyncio.gather(*waiting)

    try:
        asyncio.run(session())
    finally:
        process.close()


def test_a_secret_that_is_away_does_not_end_the_process(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    process = LedgerProcess(CostSettings(), tmp_path, SystemClock())
    failures: list[Exception] = [AuthError("hash.key cannot be read"), UnreachableError("nobody answers")]

    def work() -> bool:
        if failures:
            raise failures.pop(0)
        return True

    async def session() -> list[bool | None]:
        return [await process._tried(work, "summarise") for _ in range(3)]

    try:
        assert asyncio.run(session()) == [None, None, True]
    finally:
        process.close()
    assert [getattr(one, "reason", "") for one in caplog.records if "cannot summarise" in one.getMessage()] == [
        "hash.key cannot be read"
    ]


def test_without_a_month_the_last_one_that_is_over_is_meant(opened: Opened, asking: Comparisons) -> None:
    opened.at_us = round(datetime(2026, 10, 1, 5, tzinfo=UTC).timestamp() * 1e6)
    assert asking.ask(BillsRequest("UTC")).first == SEPTEMBER
    assert asking.ask(BillsRequest("America/Los_Angeles")).first == date(2026, 8, 1)  # where it is September still
