"""The process that takes usage in: HTTP, durable before it is answered. It knows no prices and opens no ledger.

Refuses with 429 when too much waits for the ledger and with 503 when the disk has no room, both with Retry-After; what
was answered with 200 is kept whatever dies.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from stackledger.clock import Clock
from stackledger.config import Configuration, Scope
from stackledger.config.root import Http
from stackledger.domains.cost.config import CostSettings
from stackledger.domains.cost.opening import inbox_path
from stackledger.errors import StorageError, StorageFullError
from stackledger.ledger.inbox import Committer, Inbox, Waiting
from stackledger.ledger.intake import genai, otlp, usage_api
from stackledger.ledger.intake.admission import admitted, kept_body
from stackledger.ledger.intake.body import BodyError, Fault
from stackledger.ledger.intake.result import Taken, render
from stackledger.ledger.wire import SOCKET
from stackledger.serve.access import Access, ScopedRoute
from stackledger.serve.app import defect, refusal
from stackledger.serve.budget_routes import budget_routes
from stackledger.serve.description import described
from stackledger.serve.http import Server, body_of, calm_garbage_collection, listen, uvicorn_settings

if TYPE_CHECKING:
    from stackledger.serve.otlp_grpc import OtlpGrpc

_LOG = logging.getLogger(__name__)

_STATUS: Final = {Fault.MALFORMED: 400, Fault.TOO_LARGE: 413, Fault.UNSUPPORTED: 415}
BUSY_SECONDS: Final = 5
FULL_SECONDS: Final = 30
_LOOK_SECONDS: Final = 1.0
_IN_THREAD_BYTES: Final = 1 << 18
"""Bodies above this are decoded beside the event loop."""


@dataclass(slots=True)
class Intake:
    """What turns a body into something durable."""

    settings: CostSettings
    data_dir: Path
    clock: Clock
    committer: Committer = field(init=False)
    waiting: int = 0
    """Events that the ledger does not have yet, as of a moment ago."""

    def __post_init__(self) -> None:
        """Open the inbox."""
        self.committer = Committer(inbox_path(self.data_dir))

    @property
    def limit(self) -> int:
        """The largest decompressed body, in bytes."""
        return self.settings.inbox.body_mib << 20

    @property
    def is_full(self) -> bool:
        """Whether so much waits for the ledger that senders must wait too."""
        return self.waiting > self.settings.inbox.most_waiting

    @property
    def full_text(self) -> str:
        """What senders are told then."""
        return f"{self.waiting:,} events wait for the ledger: send again later, nothing of this body was taken"

    async def watch(self) -> None:
        """Keep `waiting` current, until cancelled."""
        inbox = await asyncio.to_thread(Inbox, inbox_path(self.data_dir))
        try:
            while True:
                try:
                    self.waiting = (await asyncio.to_thread(inbox.backlog)).events
                except StorageError as error:
                    _LOG.error("the inbox cannot be read", extra={"reason": str(error)})
                await self.clock.sleep(_LOOK_SECONDS)
        finally:
            inbox.close()

    async def keep(self, read: Callable[[], Taken], size: int) -> tuple[Taken, int | None]:
        """Read a body and keep what is in it; returns once it is on the disk, with its number if there was anything.

        Raises BodyError and StorageError.
        """
        taken, body = await asyncio.to_thread(self._prepare, read) if size > _IN_THREAD_BYTES else self._prepare(read)
        if body is None:
            return taken, None
        return taken, await asyncio.wrap_future(self.committer.submit(body))

    def _prepare(self, read: Callable[[], Taken]) -> tuple[Taken, Waiting | None]:
        now = self.clock.now()
        taken = admitted(read(), now)
        return taken, kept_body(taken, now)


def build(configuration: Configuration, intake: Intake) -> Starlette:
    """The application."""
    http = as_seen_at(configuration.root.http, intake.settings)
    access = Access(lambda: http)
    routes = _routes(access, intake)

    async def openapi(_request: Request) -> Response:
        """The routes, described."""
        return JSONResponse(described(routes))

    return Starlette(
        routes=[*routes, ScopedRoute(access, "GET", "/openapi.json", Scope.INGEST, openapi)],
        exception_handlers={
            HTTPException: refusal,
            BodyError: _wrong_body,
            StorageError: _no_room,
            ClientDisconnect: _gone,
            Exception: defect,
        },
    )


def _routes(access: Access, intake: Intake) -> list[ScopedRoute]:
    slots = genai.Slots()

    async def usage(request: Request) -> Response:
        """Usage events, JSON or NDJSON, gzip or not. Each event's outcome is in the answer."""
        sent = await _sent(request, intake)
        taken, _ = await intake.keep(
            lambda: usage_api.take(
                sent.body, content_type=sent.kind, content_encoding=sent.encoding, limit=intake.limit
            ),
            len(sent.body),
        )
        return Response(render(taken), media_type="application/json")

    async def traces(request: Request) -> Response:
        """Spans in OTLP, protobuf or JSON: the calls to models among them."""
        sent = await _sent(request, intake)
        taken, _ = await intake.keep(
            lambda: otlp.take(
                sent.body, slots, content_type=sent.kind, content_encoding=sent.encoding, limit=intake.limit
            ),
            len(sent.body),
        )
        return Response(otlp.respond(taken, sent.kind), media_type=sent.kind)

    async def healthy(_request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def keep(taken: Taken) -> tuple[Taken, int | None]:
        return await intake.keep(lambda: taken, 0)

    return [
        *budget_routes(access, intake.data_dir / SOCKET, keep),
        ScopedRoute(access, "POST", "/api/v1/usage", Scope.INGEST, usage),
        ScopedRoute(access, "POST", "/v1/traces", Scope.INGEST, traces),
        ScopedRoute(access, "GET", "/-/healthy", Scope.INGEST, healthy),
    ]


@dataclass(frozen=True, slots=True)
class _Sent:
    body: bytes
    kind: str
    encoding: str


async def _sent(request: Request, intake: Intake) -> _Sent:
    """What the request carries. Raises HTTPException when too much waits already, BodyError when it is too large."""
    if intake.is_full:
        raise HTTPException(429, intake.full_text, {"Retry-After": str(BUSY_SECONDS)})
    too_large = BodyError(Fault.TOO_LARGE, f"The body is above {intake.limit:,} bytes: send smaller batches.")
    body = await body_of(request, intake.limit, too_large)
    headers = request.headers
    return _Sent(body, headers.get("content-type", ""), headers.get("content-encoding", ""))


def as_seen_at(http: Http, settings: CostSettings, address: str = "") -> Http:
    """The access rules at one of the intake's own addresses: on loopback usage may be sent without a token."""
    own = http.model_copy(update={"listen": address or settings.listen})
    if not own.is_loopback or http.anonymous is not None:
        return own
    return own.model_copy(update={"anonymous": (Scope.INGEST, Scope.READ)})


def retry_seconds(error: Exception) -> int:
    """After how long a sender may try again when the inbox refused."""
    return FULL_SECONDS if isinstance(error, StorageFullError) else BUSY_SECONDS


async def _wrong_body(_request: Request, error: Exception) -> Response:
    status = _STATUS[error.fault] if isinstance(error, BodyError) else 400
    return JSONResponse({"detail": str(error)}, status)


async def _no_room(_request: Request, error: Exception) -> Response:
    full = isinstance(error, StorageFullError)
    detail = "the inbox has no room" if full else "the inbox cannot be written"
    _LOG.error(detail, extra={"reason": str(error)})
    headers = {"Retry-After": str(retry_seconds(error))}
    return JSONResponse({"detail": f"{detail}: send again later, nothing of this body was taken"}, 503, headers=headers)


async def _gone(_request: Request, _error: Exception) -> Response:
    """The sender went away in the middle of a body: nothing was taken, and nobody reads this."""
    return Response(status_code=400)


def _over_grpc(configuration: Configuration, intake: Intake) -> OtlpGrpc | None:
    if intake.settings.otlp_grpc is None:
        return None
    from stackledger.serve.otlp_grpc import OtlpGrpc  # noqa: PLC0415 - gRPC takes 20 MiB

    return OtlpGrpc(configuration, intake, intake.settings.otlp_grpc)


async def run(configuration: Configuration, settings: CostSettings, data_dir: Path, clock: Clock) -> None:
    """Take in until SIGINT or SIGTERM. Raises ConfigError when the address cannot be had, StorageError without disk."""
    intake = Intake(settings, data_dir, clock)
    listener = listen(settings.listen, configuration, "costs.listen")
    server = Server(uvicorn_settings(configuration, build(configuration, intake)), clock)
    over_grpc = _over_grpc(configuration, intake)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, server.end)
    watching = asyncio.create_task(intake.watch(), name="backlog")
    calm_garbage_collection()
    if over_grpc is not None:
        await over_grpc.start()
    _LOG.info("taking usage in", extra={"address": settings.listen, "otlp_grpc": settings.otlp_grpc})
    try:
        await server.serve(sockets=[listener])
    finally:
        if over_grpc is not None:
            await over_grpc.stop()
        watching.cancel()
        await asyncio.wait([watching])
        await asyncio.to_thread(intake.committer.close)
        listener.close()
