"""Asks for days, follows pages, waits when told to, and says what changed since it last asked.

Vendors restate days for weeks, so a pull asks for the days behind the last one again. Groups that a vendor leaves out
of a grouped report are found by asking for the total too, and become a line of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, NamedTuple, Protocol

from stackledger.clock import Clock
from stackledger.errors import AuthError, ProtocolError, ReadTimeoutError
from stackledger.ledger.pulls.values import OTHERS, BilledCost, BilledUsage, Group, Report, V

RESTATED_DAYS: Final = 35
"""Days before the last pull that are asked for again: a month, and some for its invoice."""
_MOST_PAGES: Final = 10_000
_ATTEMPTS: Final = 6
_FIRST_WAIT_SECONDS: Final = 2.0
_LONGEST_WAIT_SECONDS: Final = 300.0
_OK: Final = 200
_REFUSING: Final = frozenset({401, 403})
_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said. `wait_seconds` is its Retry-After, None where it told none."""

    status: int
    body: bytes
    wait_seconds: float | None = None


class Fetch(Protocol):
    """The network. Raises a TargetError where no answer comes."""

    async def __call__(self, path: str, parameters: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> Reply:
        """The answer to a GET."""


class Restated(NamedTuple):
    """A line whose amount is another than before; 0 stands for one that was, or is, not there."""

    day: date
    group: Group
    currency: str
    before: int
    after: int


class Puller:
    """One account at one vendor. `key` is asked at each request, so that it may be rotated."""

    def __init__(self, fetch: Fetch, key: Callable[[], str], clock: Clock) -> None:
        self._fetch = fetch
        self._key = key
        self._clock = clock

    async def costs(self, report: Report[BilledCost], first: date, end: date) -> list[BilledCost]:
        """The costs of some days, the last excluded, by group; where totals are told, each day's lines sum to it.

        Raises a TargetError when the vendor cannot be read: nothing of the days is then known.
        """
        lines = merged([line async for line in self._lines(report, first, end)])
        if report.total is None:
            return lines
        totals = merged([line async for line in self._lines(report.total, first, end)])
        return lines + left_out(lines, totals)

    async def usage(self, report: Report[BilledUsage], first: date, end: date) -> list[BilledUsage]:
        """What was used on some days, the last excluded. Raises a TargetError as `costs` does."""
        return [line async for line in self._lines(report, first, end)]

    async def _lines(self, report: Report[V], first: date, end: date) -> AsyncIterator[V]:
        for begin, until in spans(first, end, report.most_days):
            asked, token = report.asked(begin, until), ""
            seen: set[str] = set()
            while True:
                page = report.read(await self._page(report, asked + ([("page", token)] if token else [])))
                for value in page.values:
                    yield value
                token = page.following
                if not token:
                    break
                if token in seen or len(seen) >= _MOST_PAGES:
                    raise ProtocolError(f"{report.name}: the pages of {report.path} go round in circles")
                seen.add(token)

    async def _page(self, report: Report[V], parameters: Sequence[tuple[str, str]]) -> bytes:
        """One page. What may pass is tried again, after the time that the server tells or a growing one."""
        wait = _FIRST_WAIT_SECONDS
        for attempt in range(_ATTEMPTS):
            reply = await self._fetch(report.path, parameters, report.headers(self._key()))
            if reply.status == _OK:
                return reply.body
            if reply.status in _REFUSING:
                raise AuthError(f"{report.name}: {report.path} refuses the key ({reply.status}): it must be an admin's")
            if reply.status not in _PASSING:
                raise ProtocolError(f"{report.name}: {report.path} answered with status {reply.status}")
            if attempt < _ATTEMPTS - 1:
                told = wait if reply.wait_seconds is None else reply.wait_seconds
                await self._clock.sleep(min(max(0.0, told), _LONGEST_WAIT_SECONDS))
                wait *= 2
        raise ReadTimeoutError(f"{report.name}: {report.path} asked to wait {_ATTEMPTS} times: pull again later")


def days_due(last: date | None, today: date, begin: date) -> tuple[date, date]:
    """What to ask for, the last excluded: closed days of UTC since the last that was pulled, and the restated ones."""
    first = begin if last is None else max(begin, last - timedelta(days=RESTATED_DAYS))
    return min(first, today), today


def spans(first: date, end: date, most_days: int) -> Iterator[tuple[date, date]]:
    """The days in pieces that one request may ask for."""
    while first < end:
        until = min(end, first + timedelta(days=most_days))
        yield first, until
        first = until


def merged(lines: Iterable[BilledCost]) -> list[BilledCost]:
    """One line for each day, group and currency: a vendor may tell a group in several."""
    found: dict[tuple[str, date, Group, str], BilledCost] = {}
    for line in lines:
        known = found.get(line.key)
        found[line.key] = line if known is None else replace(known, amount=known.amount + line.amount)
    return list(found.values())


def left_out(lines: Iterable[BilledCost], totals: Iterable[BilledCost]) -> list[BilledCost]:
    """A line for each day and currency whose groups do not sum to the total."""
    missing: dict[tuple[str, date, str], int] = defaultdict(int)
    for line in totals:
        missing[line.vendor, line.day, line.currency] += line.amount
    for line in lines:
        missing[line.vendor, line.day, line.currency] -= line.amount
    return [
        BilledCost(vendor, day, OTHERS, amount, currency)
        for (vendor, day, currency), amount in sorted(missing.items())
        if amount
    ]


def restated(before: Iterable[BilledCost], after: Iterable[BilledCost]) -> list[Restated]:
    """What a pull of the same days changed: amounts that moved, lines that came and lines that went."""
    old, new = ({line.key: line.amount for line in merged(lines)} for lines in (before, after))
    return [
        Restated(day, group, currency, old.get(key, 0), new.get(key, 0))
        for key in sorted(old.keys() | new.keys())
        if old.get(key, 0) != new.get(key, 0)
        for _, day, group, currency in [key]
    ]
