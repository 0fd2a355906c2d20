"""Budgets over HTTP: set an amount aside before a call, settle it with the call's event, or release it.

The ledger's process decides; while it does not answer nothing is granted, because a hard budget that cannot be checked
is not passed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from stackledger import money
from stackledger.config import Scope
from stackledger.errors import QuestionError, UnreachableError
from stackledger.ledger import wire
from stackledger.ledger.asking import Nothing, ReleaseRequest, ReserveRequest, Settled, SettleRequest, StateReply
from stackledger.ledger.budgets.reservations import Granted
from stackledger.ledger.budgets.status import BudgetStatus
from stackledger.ledger.intake.result import Outcomes, Taken
from stackledger.ledger.intake.usage_api import take_object
from stackledger.serve.access import Access, ScopedRoute
from stackledger.serve.http import body_of

Keep = Callable[[Taken], Awaitable[tuple[Taken, int | None]]]
"""Keeps a taken event durably: what of it was taken, and its number in the inbox."""

_BODY_BYTES: Final = 1 << 20
_ANSWER_SECONDS: Final = 5.0
"""A caller that waits for a budget has a user who waits; what is granted later lapses by itself."""
_RETRY: Final = {"Retry-After": "5"}


class _Settlement(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    event: dict[str, Any]


def budget_routes(access: Access, socket: Path, keep: Keep) -> list[ScopedRoute]:
    """The routes, over the ledger's socket."""

    async def ask(method: str, request: Any, reply: Any) -> Any:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await wire.ask_async(socket, method, request, reply)
        except (UnreachableError, TimeoutError):
            raise HTTPException(503, "the ledger does not answer: ask again, with the same id", _RETRY) from None
        except QuestionError as error:
            raise HTTPException(400, str(error)) from None

    async def reserve(request: Request) -> Response:
        """Set an amount aside. 200 with `granted`, or 402 with the budget that has not enough and what it has left."""
        told = await _read(request, ReserveRequest)
        granted: Granted = await ask("reserve", told, Granted)
        if granted.granted:
            return _json({"granted": True, "id": granted.id, "expires_us": granted.expires_us})
        left = money.exact(int(granted.left))
        return _json({"granted": False, "budget": granted.budget, "left_usd": left}, 402)

    async def settle(request: Request) -> Response:
        """The call was made: its event is kept as by /api/v1/usage, and its cost takes the reserved amount's place.

        The event has the form that it has there, with `usage` or the provider's own body as `raw`.
        """
        told = await _read(request, _Settlement)
        outcomes = Outcomes()
        outcomes.add(take_object(told.event))
        taken, number = await keep(outcomes.taken())
        if taken.refused or number is None:
            refusal = taken.refused[0].refusal
            raise HTTPException(422, f"{refusal.reason}: {refusal.detail}")
        settled: Settled = await ask("settle", SettleRequest(told.id, taken.events[0], number), Settled)
        return _json({"cost_usd": None if settled.cost is None else money.exact(int(settled.cost))})

    async def release(request: Request) -> Response:
        """The call was not made."""
        await ask("release", await _read(request, ReleaseRequest), Nothing)
        return _json({})

    async def budgets(_request: Request) -> Response:
        """Every budget in its current period."""
        state: StateReply = await ask("state", Nothing(), StateReply)
        return _json([_shown(one) for one in state.budgets])

    return [
        ScopedRoute(access, "POST", "/api/v1/budgets/reserve", Scope.INGEST, reserve),
        ScopedRoute(access, "POST", "/api/v1/budgets/settle", Scope.INGEST, settle),
        ScopedRoute(access, "POST", "/api/v1/budgets/release", Scope.INGEST, release),
        ScopedRoute(access, "GET", "/api/v1/budgets", Scope.READ, budgets),
    ]


async def _read(request: Request, kind: type[Any]) -> Any:
    body = await body_of(request, _BODY_BYTES, HTTPException(413, f"the body is above {_BODY_BYTES:,} bytes"))
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise HTTPException(400, f"the body cannot be read: {error}") from None


def _shown(budget: BudgetStatus) -> dict[str, Any]:
    """A budget for programs: exact amounts as decimal text in USD."""
    fields = msgspec.structs.asdict(budget)
    exact = {f"{name}_usd": money.exact(int(fields.pop(name))) for name in ("amount", "spent", "held")}
    contributors = [
        {"attribute": one.attribute, "value": one.value, "cost_usd": money.exact(int(one.cost))}
        for one in fields.pop("contributors")
    ]
    return fields | exact | {"contributors": contributors}


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
