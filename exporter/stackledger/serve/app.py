"""The HTTP application: /metrics, /probe, health, reload, targets, runbooks and the console's first page."""

from __future__ import annotations

import logging

from fastapi import FastAPI, HTTPException, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

import stackledger
from stackledger.config import Scope
from stackledger.exposition import Format, Page, negotiate
from stackledger.serve import console
from stackledger.serve.access import Access, add_route
from stackledger.serve.observer import Observer

_LOG = logging.getLogger(__name__)


def build(observer: Observer) -> FastAPI:
    """The application over a running observer."""
    app = FastAPI(title="stackledger", version=stackledger.__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.access = Access(lambda: observer.configuration.root.http)
    app.add_exception_handler(Exception, _defect)
    _add_machine_routes(app, observer)
    _add_console(app, observer)
    return app


def _add_machine_routes(app: FastAPI, observer: Observer) -> None:
    async def metrics(request: Request) -> Response:
        """The page in the format and encoding that the client asks for."""
        observer.own.refresh()
        began = observer.clock.monotonic()
        response = await _page(observer.page, request)
        observer.own.sent(len(response.body), observer.clock.monotonic() - began)
        return response

    async def probe(request: Request, target: str) -> Response:
        """Read one configured target now; for targets that are left out of /metrics."""
        found = observer.probes.get(target)
        if found is None:
            known = ", ".join(sorted(observer.probes)) or "none: set probe_only on a target"
            raise HTTPException(404, f"no such target to probe; there is {known}")
        async with found.lock:
            await found.scheduler.sweep_once()
        return await _page(found.page, request)

    async def healthy() -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def ready() -> Response:
        """Targets are being read."""
        return PlainTextResponse("ready\n")

    async def reload() -> Response:
        """Read the configuration again; 400 with every mistake when it is refused."""
        mistakes = await observer.reload()
        if mistakes:
            return JSONResponse({"accepted": False, "mistakes": [str(mistake) for mistake in mistakes]}, 400)
        return JSONResponse({"accepted": True, "targets": sorted(observer.targets)})

    async def targets() -> Response:
        """Every target with its state."""
        return JSONResponse([console.as_json(status) for status in observer.statuses])

    async def openapi() -> Response:
        """The API, described."""
        return JSONResponse(app.openapi())

    add_route(app, "GET", "/metrics", Scope.READ, metrics, response_class=Response)
    add_route(app, "GET", "/probe", Scope.READ, probe, response_class=Response)
    add_route(app, "GET", "/-/healthy", Scope.READ, healthy)
    add_route(app, "GET", "/-/ready", Scope.READ, ready)
    add_route(app, "POST", "/-/reload", Scope.ADMIN, reload)
    add_route(app, "GET", "/api/v1/targets", Scope.READ, targets)
    add_route(app, "GET", "/openapi.json", Scope.READ, openapi, include_in_schema=False)


def _add_console(app: FastAPI, observer: Observer) -> None:
    async def index() -> Response:
        """Every target at a glance."""
        return HTMLResponse(console.index(observer))

    async def runbooks() -> Response:
        """All runbooks."""
        return HTMLResponse(console.runbook_index())

    async def runbook(name: str) -> Response:
        """One runbook."""
        page = console.runbook(name.removesuffix(".md"))
        if page is None:
            raise HTTPException(404, "no such runbook; /runbooks lists them")
        return HTMLResponse(page)

    add_route(app, "GET", "/", Scope.READ, index, include_in_schema=False)
    add_route(app, "GET", "/runbooks", Scope.READ, runbooks, include_in_schema=False)
    add_route(app, "GET", "/runbooks/{name}", Scope.READ, runbook, include_in_schema=False)


async def _defect(request: Request, error: Exception) -> Response:
    """The HTTP edge: a defect is logged, and the caller learns no more than that there was one."""
    _LOG.error("defect while answering", exc_info=error, extra={"path": request.url.path})
    return JSONResponse({"detail": "a defect of the service; its log tells more"}, 500)


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
