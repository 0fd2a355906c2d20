"""Asks for days, follows pages, and waits when told to.

Groups that a vendor leaves out of a grouped report are found by asking for the total too, and become a line of their
own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

from stackledger.clock import Clock
from stackledger.errors import AuthError, ProtocolError, ReadTimeoutError
from stackledger.ledger.pulls.values import OTHERS, Asked, Billed, Report, Used, V

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


class Puller:
    """One account at one vendor. `key` is asked at each request, so that it may be rotated."""

    def __init__(self, fetch: Fetch, key: Callable[[], str], clock: Clock, accounts: Sequence[str] = ()) -> None:
        """`accounts` are the projects or workspaces that are asked for, as the vendor names them. Default: all."""
        self._fetch = fetch
        self._key = key
        self._clock = clock
        self._accounts = accounts

    async def costs(self, report: Report[Billed], first: date, end: date) -> list[Billed]:
        """The costs of some days, the last excluded, by group; where totals are told, each day's lines sum to it.

        Raises a TargetError when the vendor cannot be read: nothing of the days is then known.
        """
        lines = [line async for line in self._lines(report, first, end)]
        if report.total is None:
            return lines
        return lines + left_out(lines, [line async for line in self._lines(report.total, first, end)])

    async def usage(self, report: Report[Used], first: date, end: date) -> list[Used]:
        """What was used on some days, the last excluded. Raises a TargetError as `costs` does."""
        return [line async for line in self._lines(report, first, end)]

    async def _lines(self, report: Report[V], first: date, end: date) -> AsyncIterator[V]:
        for begin, until in spans(first, end, report.most_days):
            asked, token = report.asked(begin, until, self._accounts), ""
            seen: set[str] = set()
            while True:
                page = report.read(await self.page(report, asked + ([("page", token)] if token else [])))
                for value in page.values:
                    if not begin <= value.day < until:
                        raise ProtocolError(f"{report.name}: {report.path} tells of {value.day}, which was not asked")
                    yield value
                token = page.following
                if not token:
                    break
                if token in seen or len(seen) >= _MOST_PAGES:
                    raise ProtocolError(f"{report.name}: the pages of {report.path} go round in circles")
                seen.add(token)

    async def page(self, report: Report[V], parameters: Asked) -> bytes:
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


def spans(first: date, end: date, most_days: int) -> Iterator[tuple[date, date]]:
    """The days in pieces that one request may ask for."""
    while first < end:
        until = min(end, first + timedelta(days=most_days))
        yield first, until
        first = until


def left_out(lines: Iterable[Billed], totals: Iterable[Billed]) -> list[Billed]:
    """A line for each day and currency whose groups do not sum to the total."""
    missing: dict[tuple[date, str], int] = defaultdict(int)
    for line in totals:
        missing[line.day, line.currency] += line.amount
    for line in lines:
        missing[line.day, line.currency] -= line.amount
    return [Billed(day, "", OTHERS, amount, currency) for (day, currency), amount in sorted(missing.items()) if amount]
