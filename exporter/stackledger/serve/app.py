"""The HTTP application: /metrics, /probe, health, reload, targets, runbooks and the console's first page."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Match

from stackledger.config import Scope
from stackledger.domains.cost import COST
from stackledger.exposition import Format, Page, negotiate
from stackledger.serve import console
from stackledger.serve.access import Access, ScopedRoute
from stackledger.serve.description import described
from stackledger.serve.observer import Observer

_LOG = logging.getLogger(__name__)


def build(observer: Observer) -> Starlette:
    """The application over a running observer."""
    access = Access(lambda: observer.configuration.root.http)
    machines, people = _machine_routes(access, observer), _console(access, observer)

    async def openapi(_request: Request) -> Response:
        """The routes for machines, described."""
        return JSONResponse(described(machines))

    return Starlette(
        routes=[*machines, ScopedRoute(access, "GET", "/openapi.json", Scope.READ, openapi), *people],
        exception_handlers={HTTPException: refusal, Exception: defect},
    )


def _machine_routes(access: Access, observer: Observer) -> list[ScopedRoute]:
    async def metrics(request: Request) -> Response:
        """The page in the format and encoding that the client asks for."""
        observer.own.refresh()
        began = observer.clock.monotonic()
        response = await _page(observer.page, request)
        observer.own.sent(len(response.body), observer.clock.monotonic() - began)
        return response

    async def probe(request: Request) -> Response:
        """Read one configured target now; for targets that are left out of /metrics."""
        target = request.query_params.get("target")
        found = observer.probes.get(target or "")
        if found is None:
            known = ", ".join(sorted(observer.probes)) or "none: set probe_only on a target"
            if target is None:
                raise HTTPException(422, f"say which one: /probe?target=ID; there is {known}")
            raise HTTPException(404, f"no such target to probe; there is {known}")
        async with found.lock:
            await found.scheduler.sweep_once()
        return await _page(found.page, request)

    async def healthy(_request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def ready(_request: Request) -> Response:
        """Targets are being read."""
        return PlainTextResponse("ready\n")

    async def reload(_request: Request) -> Response:
        """Read the configuration again; 400 with every mistake when it is refused."""
        mistakes = await observer.reload()
        if mistakes:
            return JSONResponse({"accepted": False, "mistakes": [str(mistake) for mistake in mistakes]}, 400)
        return JSONResponse({"accepted": True, "targets": sorted(observer.targets)})

    async def targets(_request: Request) -> Response:
        """Every target with its state."""
        return JSONResponse([console.as_json(status) for status in observer.statuses])

    return [
        ScopedRoute(access, "GET", "/metrics", Scope.READ, metrics),
        ScopedRoute(access, "GET", "/probe", Scope.READ, probe),
        ScopedRoute(access, "GET", "/-/healthy", Scope.READ, healthy),
        ScopedRoute(access, "GET", "/-/ready", Scope.READ, ready),
        ScopedRoute(access, "POST", "/-/reload", Scope.ADMIN, reload),
        ScopedRoute(access, "GET", "/api/v1/targets", Scope.READ, targets),
    ]


def _console(access: Access, observer: Observer) -> list[ScopedRoute]:
    async def index(_request: Request) -> Response:
        """Every target at a glance."""
        return HTMLResponse(console.index(observer))

    async def runbooks(_request: Request) -> Response:
        """All runbooks."""
        return HTMLResponse(console.runbook_index())

    async def runbook(request: Request) -> Response:
        """One runbook."""
        page = console.runbook(request.path_params["name"].removesuffix(".md"))
        if page is None:
            raise HTTPException(404, "no such runbook; /runbooks lists them")
        return HTMLResponse(page)

    return [
        ScopedRoute(access, "GET", "/", Scope.READ, index),
        *_cost_pages(access, observer),
        ScopedRoute(access, "GET", "/runbooks", Scope.READ, runbooks),
        ScopedRoute(access, "GET", "/runbooks/{name}", Scope.READ, runbook),
    ]


def _cost_pages(access: Access, observer: Observer) -> list[ScopedRoute]:
    """The pages of cost, where there is a ledger to ask."""
    if observer.configuration.of_domain(COST) is None:
        return []
    from stackledger.serve.costs.routes import cost_routes  # noqa: PLC0415 - numpy, which nobody else here needs

    return cost_routes(access, observer)


async def refusal(_request: Request, error: Exception) -> Response:
    """What a route refuses, and paths and methods that there are not."""
    if not isinstance(error, HTTPException):
        raise TypeError(f"{type(error).__name__} is not a refusal")
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


async def defect(request: Request, error: Exception) -> Response:
    """The HTTP edge: a defect is logged, and the caller learns no more than that there was one."""
    _LOG.error("defect while answering", exc_info=error, extra={"path": _route_of(request)})
    return JSONResponse({"detail": "a defect of the service; its log tells more"}, 500)


def _route_of(request: Request) -> str:
    """The path as it is declared: the one that was called may hold the id of a user, which no log shall keep."""
    for route in request.app.routes:
        if isinstance(route, ScopedRoute) and route.matches(request.scope)[0] is Match.FULL:
            return route.path
    return request.url.path


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header allows gzip."""
    for choice in accepted.split(","):
        coding, *parameters = (part.strip().lower() for part in choice.split(";"))
        if coding == "gzip":
            return not any(parameter.replace(" ", "") in ("q=0", "q=0.0", "q=0.00") for parameter in parameters)
    return False


async def _page(page: Page, request: Request) -> Response:
    fmt: Format = negotiate(request.headers.get("accept", ""))
    headers = {"content-type": fmt.content_type, "vary": "accept, accept-encoding"}
    if _takes_gzip(request.headers.get("accept-encoding", "")):
        headers["content-encoding"] = "gzip"
        return Response(await page.gzip(fmt), headers=headers)
    return Response(await page.text(fmt), headers=headers)
