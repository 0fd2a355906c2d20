"""Who may call what: every route has a scope, and every caller the scopes of its token or the open ones."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from starlette.responses import Response

from stackledger.config import Scope
from stackledger.config.root import Http, Token
from stackledger.errors import AuthError

_LOG = logging.getLogger(__name__)

Handler = Callable[..., Awaitable[Response]]
_SCOPE = "x-scope"


class Access:
    """Checks callers against the configuration in force."""

    def __init__(self, settings: Callable[[], Http]) -> None:
        self._settings = settings

    def check(self, request: Request, scope: Scope) -> None:
        """Pass, or raise 401 (no or unknown token) or 403 (a token without the scope)."""
        http = self._settings()
        if scope in http.open_scopes:
            return
        token = self._shown(request.headers.get("authorization", ""), http)
        if token is None:
            raise HTTPException(401, "a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})
        if scope not in token.scopes:
            raise HTTPException(403, f"the token lacks the scope {scope}")
        if scope is Scope.ADMIN:
            _LOG.info("called with a token", extra={"token_name": token.name, "path": request.url.path})

    @staticmethod
    def _shown(authorization: str, http: Http) -> Token | None:
        """The token that is shown, compared in constant time with every one there is."""
        kind, _, shown = authorization.partition(" ")
        if kind.lower() != "bearer" or not shown:
            return None
        found: Token | None = None
        for token in http.tokens:
            try:
                secret = token.token.read()
            except AuthError:
                continue  # `doctor` tells; a missing file must not open or break anything here
            if secret and hmac.compare_digest(secret.encode(), shown.strip().encode()):
                found = token
        return found


def add_route(app: FastAPI, method: str, path: str, scope: Scope, handler: Handler, **options: Any) -> None:
    """Register a route; without a scope it cannot be done."""
    access: Access = app.state.access

    async def guard(request: Request) -> None:
        access.check(request, scope)

    from fastapi import Depends  # noqa: PLC0415 - beside its one use

    app.add_api_route(
        path,
        handler,
        methods=[method],
        dependencies=[Depends(guard)],
        openapi_extra={_SCOPE: str(scope)},
        **options,
    )


def scope_of(route: Any) -> Scope | None:
    """The scope of a registered route."""
    extra = getattr(route, "openapi_extra", None) or {}
    return Scope(extra[_SCOPE]) if _SCOPE in extra else None
