"""From a setting to what can be asked of it: windows of days, and the lines of each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from stackledger.clock import Clock
from stackledger.ledger.charges.charge import Charge, Kind
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.periods import last_of_month
from stackledger.ledger.pulls import anthropic, files, openai, opencost
from stackledger.ledger.pulls.config import PullSettings, Vendor
from stackledger.ledger.pulls.http import HttpFetch
from stackledger.ledger.pulls.lines import Bill, bill_lines, line_of
from stackledger.ledger.pulls.puller import Puller
from stackledger.ledger.pulls.values import OTHERS, Billed, Report, Used

T = TypeVar("T")
Window = tuple[date, date]
"""Days, the last excluded."""


class Source(Protocol):
    """One place that is asked."""

    restated_days: int
    """Days before the last pull that are asked for again."""
    forgets: bool
    """Whether it may later tell less of a day than it did."""

    def windows(self, first: date, end: date, today: date) -> list[Window]:
        """The days in pieces that are delivered one by one, oldest first; each is whole billing periods, up to today.

        A piece of a period would replace the whole of it.
        """

    async def unchanged(self, seen: str) -> str | None:
        """None where there is nothing new since `seen`; else what to remember instead."""

    async def charges(self, window: Window) -> list[Charge]:
        """The lines, identified. Raises a TargetError when they cannot be had whole."""


class _Api(NamedTuple):
    """How a vendor with an administration's API is asked."""

    address: str
    costs: Report[Billed]
    usage: Sequence[Report[Used]]
    costs_by_account: bool
    """Whether costs can be asked for of some accounts alone."""


_APIS: Final = {
    Vendor.OPENAI: _Api(openai.ADDRESS, openai.COSTS, openai.USAGE, costs_by_account=True),
    Vendor.ANTHROPIC: _Api(anthropic.ADDRESS, anthropic.COSTS, anthropic.USAGE, costs_by_account=False),
}
_DEFAULT_ACCOUNT: Final = "default"
"""How a setting names the account that has no id."""


def source_of(settings: PullSettings, clock: Clock) -> Source:
    """What a setting means."""
    if settings.vendor is Vendor.FOCUS:
        return FocusFiles(settings, clock)
    if settings.vendor is Vendor.OPENCOST:
        return OpenCost(settings, clock)
    return AdminApi(settings, _APIS[settings.vendor], clock)


class _Asked:
    """A source with an address and perhaps a key."""

    def __init__(self, settings: PullSettings, address: str, clock: Clock) -> None:
        self._settings = settings
        self._address = str(settings.url or address)
        self._clock = clock

    async def unchanged(self, _seen: str) -> str | None:
        """Whether there is anything new is known only by asking."""
        return ""

    def _key(self) -> str:
        return self._settings.key.read() if self._settings.key is not None else ""

    def _fetch(self) -> AbstractAsyncContextManager[HttpFetch]:
        return HttpFetch(self._address)

    def _bill(self, kind: Kind, provider: str) -> Bill:
        return Bill(kind, self._settings.source, provider, f"pull {self._settings.name}")


class AdminApi(_Asked):
    """OpenAI or Anthropic: a month is a billing period, and is restated whole."""

    restated_days = 35  # a month, and some for its invoice
    forgets = False

    def __init__(self, settings: PullSettings, api: _Api, clock: Clock) -> None:
        super().__init__(settings, api.address, clock)
        self._api = api

    def windows(self, first: date, end: date, today: date) -> list[Window]:
        """Months so far."""
        found: list[Window] = []
        begin = first.replace(day=1)
        while begin < end:
            after = last_of_month(begin) + timedelta(days=1)
            found.append((begin, min(after, today)))
            begin = after
        return found

    async def charges(self, window: Window) -> list[Charge]:
        """A month's lines."""
        wanted = self._settings.accounts
        async with self._fetch() as fetch:
            named = [one for one in wanted if one != _DEFAULT_ACCOUNT]
            asked = named if len(named) == len(wanted) else []  # who has no id cannot be asked for by it
            puller = Puller(fetch, self._key, self._clock, asked)
            costs = await puller.costs(self._api.costs, *window)
            used = [one for report in self._api.usage for one in await puller.usage(report, *window)]
        # What is not listed names no account: it is ours where all accounts are, or only ours were asked for.
        with_others = not wanted or (self._api.costs_by_account and bool(asked))
        mine = [
            one
            for one in costs
            if (with_others if one.words == OTHERS else not wanted or (one.account or _DEFAULT_ACCOUNT) in wanted)
        ]
        return bill_lines(self._bill(Kind.BILL, self._settings.vendor), mine, used)


class OpenCost(_Asked):
    """OpenCost: each day stands for itself, since what it could answer a month ago is gone."""

    restated_days = 3
    forgets = True

    def __init__(self, settings: PullSettings, clock: Clock) -> None:
        super().__init__(settings, "", clock)
        self._report = opencost.allocations(settings.team_label, settings.shared_namespaces, settings.currency)

    def windows(self, first: date, end: date, _today: date) -> list[Window]:
        """Days."""
        count = max(0, (end - first).days)
        return [(first + timedelta(days=n), first + timedelta(days=n + 1)) for n in range(count)]

    async def charges(self, window: Window) -> list[Charge]:
        """A day's lines."""
        async with self._fetch() as fetch:
            lines = await Puller(fetch, self._key, self._clock).costs(self._report, *window)
        bill = self._bill(Kind.INFRASTRUCTURE, opencost.PROVIDER)
        return identified(line_of(bill, *window, one) for one in lines)


class FocusFiles:
    """Files that a cloud's export job drops: all of them at once, when one of them has changed."""

    restated_days = 0
    forgets = False

    def __init__(self, settings: PullSettings, clock: Clock) -> None:
        self._pattern = settings.files or Path()
        self._source = settings.source
        self._clock = clock
        self._files: Sequence[Path] = ()
        self._seen = ""

    def windows(self, first: date, end: date, _today: date) -> list[Window]:
        """What the files hold is told by themselves."""
        return [(first, end)]

    async def unchanged(self, seen: str) -> str | None:
        """None where names and contents are those of before."""
        self._files = await asyncio.to_thread(files.found, self._pattern, self._clock.now())
        self._seen = await self._read(files.fingerprint, self._files)
        return None if self._seen == seen else self._seen

    async def charges(self, _window: Window) -> list[Charge]:
        """The lines of all files."""
        return await self._read(files.charges, self._files, self._seen, self._source)

    async def _read(self, read: Callable[..., T], *told: Any) -> T:
        """In a thread, which ends with who waits for it: it would hold up the end of the process."""
        stop = threading.Event()
        try:
            return await asyncio.to_thread(read, *told, stop)
        finally:
            stop.set()
