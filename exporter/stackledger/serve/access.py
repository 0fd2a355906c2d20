"""Who may call what: every route has a scope, and every caller the scopes of its token or the open ones."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stackledger.config import Scope
from stackledger.config.root import Http, Token
from stackledger.errors import AuthError

_LOG = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


class Access:
    """Checks callers against the configuration in force."""

    def __init__(self, settings: Callable[[], Http]) -> None:
        self._settings = settings

    def check(self, request: Request, scope: Scope) -> None:
        """Pass, or raise 401 (no or unknown token) or 403 (a token without the scope)."""
        refused = self.verdict(request.headers.get("authorization", ""), scope, request.url.path)
        if refused is not None:
            raise refused

    def verdict(self, authorization: str, scope: Scope, path: str = "") -> HTTPException | None:
        """Why whoever shows this may not; None where it may."""
        http = self._settings()
        if scope in http.open_scopes:
            return None
        token = self._shown(authorization, http)
        if token is None:
            return HTTPException(401, "a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})
        if scope not in token.scopes:
            return HTTPException(403, f"the token lacks the scope {scope}")
        if scope is Scope.ADMIN:
            _LOG.info("called with a token", extra={"token_name": token.name, "path": path})
        return None

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


class ScopedRoute(Route):
    """A route that lets in only who has its scope; without one it cannot be made."""

    def __init__(self, access: Access, method: str, path: str, scope: Scope, handler: Handler) -> None:
        async def guarded(request: Request) -> Response:
            access.check(request, scope)
            return await handler(request)

        super().__init__(path, guarded, methods=[method], name=handler.__name__)
        self.methods = {method}  # exactly: starlette would add HEAD
        self.method = method
        self.scope = scope
        self.doc = handler.__doc__ or ""
