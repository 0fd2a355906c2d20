"""The routes of the pages of cost. They ask the ledger's process, for a bounded time, and hold nothing.

A page of users needs the scope `people`: ids of users are personal data.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from stackledger.config import Scope
from stackledger.domains.cost import COST
from stackledger.domains.cost.config import CostSettings
from stackledger.errors import QuestionError, StorageError, UnreachableError
from stackledger.ledger import wire
from stackledger.ledger.asking import (
    OverviewReply,
    OverviewRequest,
    PeopleReply,
    PeopleRequest,
    PersonReply,
    PersonRequest,
)
from stackledger.ledger.bills.asking import BillsReply, BillsRequest, Share, SharesRequest
from stackledger.ledger.periods import month_named, zone_named
from stackledger.ledger.statements.answers import Stated, StatementRequest
from stackledger.serve.access import Access, Handler, ScopedRoute
from stackledger.serve.costs import parts
from stackledger.serve.costs.bills import Seen, person_card
from stackledger.serve.costs.bills_page import bills_page
from stackledger.serve.costs.markup import el
from stackledger.serve.costs.overview import overview_page
from stackledger.serve.costs.people import people_page, person_page, stranger_page
from stackledger.serve.costs.statement import printable
from stackledger.serve.observer import Observer

WAIT_SECONDS: Final = 5.0
"""How long a page waits for the ledger."""
_AT_ONCE: Final = 4
"""Questions asked at a time; a page beyond that waits for its turn within its own time."""
_AGAIN_SECONDS: Final = 5
_BESIDE_SECONDS: Final = 1.5
"""How long a page waits for a newer comparison with the bills, beside what else it shows."""
_ALONE_SECONDS: Final = 4.0
_LOOK_SECONDS: Final = 0.05
_LONGEST_ID: Final = 200
_YEARS: Final = range(2000, 2200)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class PageError(Exception):
    """What a page says instead."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title

    def page(self) -> Response:
        """As a page; one that may be better soon asks again by itself."""
        soon = _AGAIN_SECONDS if self.status == 503 else 0  # noqa: PLR2004 - service unavailable
        again = f"This page asks again every {soon} seconds." if soon else ""
        body = parts.page(
            self.title, el("p", str(self)), el("p", again), crumbs=[("Cost", "/costs")], again_seconds=soon
        )
        return HTMLResponse(body, self.status, {**_HEADERS, **({"Retry-After": str(soon)} if soon else {})})


class CostPages:
    """The pages over a running observer, whose configuration may change."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def overview(self, request: Request) -> Response:
        """What was spent, on what, and whether the budgets hold."""
        settings, zone = self._settings()
        asked = OverviewRequest(settings.zone, _month(request))
        reply: OverviewReply = await self._ask("overview", asked, OverviewReply)
        seen = await self._seen(settings, reply.month.first, _BESIDE_SECONDS)
        budgets = [one.budget(settings.zone) for one in settings.budgets]
        organisation = self._observer.configuration.root.organisation
        return await _drawn(lambda: overview_page(reply, zone, organisation, budgets, seen))

    async def bills(self, request: Request) -> Response:
        """A month's bills beside our estimates, line by line."""
        settings, zone = self._settings()
        month = _month(request)
        reply = await self._bills(settings, month, _ALONE_SECONDS)
        seen = Seen(reply, Fraction(settings.bills.tolerance_percent))
        return await _drawn(lambda: bills_page(seen, zone))

    async def statement(self, request: Request) -> Response:
        """A statement as it was signed, to be printed."""
        settings, _ = self._settings()
        asked = StatementRequest(request.path_params["month"], settings.zone, request.path_params["number"])
        found: Stated = await self._ask("statement", asked, Stated)
        return await _drawn(lambda: printable(json.loads(found.json), found.sha256))

    async def people(self, request: Request) -> Response:
        """Who costs most. An id that is found leads to its page."""
        settings, zone = self._settings()
        if alone := request.query_params.get("id"):  # an id that no path can hold
            return await self._person(request, unquote(alone))
        find = request.query_params.get("find", "").strip()[:_LONGEST_ID]
        month = _month(request)
        reply: PeopleReply = await self._ask("people", PeopleRequest(settings.zone, month, find), PeopleReply)
        if reply.exact and (reply.hashed or reply.matches == 1):
            return RedirectResponse(parts.user_url(find, month), 303, _HEADERS)
        return await _drawn(lambda: people_page(reply, find, zone))

    async def person(self, request: Request) -> Response:
        """What one user cost, on what, at which rates."""
        return await self._person(request, request.path_params["user"])

    async def _person(self, request: Request, user: str) -> Response:
        settings, zone = self._settings()
        asked = PersonRequest(user, settings.zone, _month(request))
        reply: PersonReply = await self._ask("person", asked, PersonReply)
        if reply.month is None or reply.explanation is None:
            return HTMLResponse(stranger_page(user, hashed=reply.hashed), 404, _HEADERS)
        month, explanation, bills = reply.month, reply.explanation, settings.bills
        asking = SharesRequest(user, month.first, month.last, bills.account, dict(bills.zones))
        seen, shares = await asyncio.gather(
            self._seen(settings, month.first, _BESIDE_SECONDS), self._ask("shares", asking, list[Share])
        )
        return await _drawn(
            lambda: person_page(reply, month, explanation, user, zone, bill=person_card(seen, shares, user))
        )

    async def _seen(self, settings: CostSettings, month: date, seconds: float) -> Seen:
        """What is known of a month's bills; a page that is about more does not fail where they cannot be compared."""
        reply: BillsReply | None = None
        with contextlib.suppress(PageError):
            reply = await self._bills(settings, month, seconds)
        return Seen(reply, Fraction(settings.bills.tolerance_percent))

    async def _bills(self, settings: CostSettings, month: date | None, seconds: float) -> BillsReply:
        """The comparison as it is now, or after so many seconds the last one there was."""
        bills, clock = settings.bills, self._observer.clock
        asked = BillsRequest(settings.zone, month, bills.account, dict(bills.settle_days), dict(bills.zones))
        until = clock.monotonic() + seconds
        while True:
            reply: BillsReply = await self._ask("bills", asked, BillsReply)
            if not reply.pending or clock.monotonic() >= until:
                return reply
            await clock.sleep(_LOOK_SECONDS)

    def _settings(self) -> tuple[CostSettings, ZoneInfo]:
        settings = self._observer.configuration.of_domain(COST)
        if settings is None or self._observer.configuration.root.data_dir is None:
            detail = "There is no section `costs` in the configuration: `costs: {}` and `data_dir` will do."
            raise PageError(404, "No costs here", detail)
        return settings, zone_named(settings.zone)

    async def _ask(self, method: str, request: Any, reply: Any) -> Any:
        directory = self._observer.configuration.root.data_dir or Path()
        try:
            async with self._observer.clock.timeout(WAIT_SECONDS), self._turns:
                return await wire.ask_async(directory / wire.SOCKET, method, request, reply)
        except (UnreachableError, StorageError, TimeoutError, msgspec.ValidationError):
            detail = "Nobody knows the cost at the moment. What was accepted is safe and is counted once it answers."
            raise PageError(503, "The ledger does not answer", detail) from None
        except QuestionError as error:
            raise PageError(400, "This cannot be asked", str(error)) from None


def cost_routes(access: Access, observer: Observer) -> list[ScopedRoute]:
    """The routes of the pages."""
    pages = CostPages(observer)
    return [
        ScopedRoute(access, "GET", "/costs", Scope.READ, _told(pages.overview)),
        ScopedRoute(access, "GET", "/costs/bills", Scope.READ, _told(pages.bills)),
        ScopedRoute(access, "GET", "/costs/statements/{month}/{number:int}", Scope.READ, _told(pages.statement)),
        ScopedRoute(access, "GET", "/costs/users", Scope.PEOPLE, _told(pages.people)),
        ScopedRoute(access, "GET", "/costs/users/{user:path}", Scope.PEOPLE, _told(pages.person)),
    ]


def _told(handler: Handler) -> Handler:
    """The same handler, with a page for what it cannot show."""

    @functools.wraps(handler)
    async def telling(request: Request) -> Response:
        try:
            return await handler(request)
        except PageError as error:
            return error.page()

    return telling


def _month(request: Request) -> date | None:
    """A day of the month that is asked for; None for the current one."""
    told = request.query_params.get("month", "")
    if not told:
        return None
    try:
        first, _ = month_named(told)
    except ValueError as error:
        raise PageError(400, "No such month", str(error)) from None
    if first.year not in _YEARS:
        raise PageError(400, "No such month", f"{told} is not a month that anybody was billed for")
    return first


async def _drawn(page: Callable[[], str]) -> Response:
    """A page, made on a thread: it may be long, and the loop answers /metrics meanwhile."""
    return HTMLResponse(await asyncio.to_thread(page), 200, _HEADERS)
