"""The service's routes as an OpenAPI document. By hand: it is short, and a framework that writes it takes 7 MiB."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import stackledger
from stackledger.serve.access import ScopedRoute

_TARGET = {"name": "target", "in": "query", "required": True, "schema": {"type": "string"}}
_PARAMETERS = {"/probe": [_TARGET]}


def described(routes: Iterable[ScopedRoute]) -> dict[str, Any]:
    """The document: what each route does, takes, and which scope it asks for."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "stackledger", "version": stackledger.__version__},
        "paths": {route.path: {route.method.lower(): _operation(route)} for route in routes},
    }


def _operation(route: ScopedRoute) -> dict[str, Any]:
    return {
        "summary": route.name,
        "description": route.doc,
        "operationId": route.name,
        "parameters": _PARAMETERS.get(route.path, []),
        "responses": {"200": {"description": "It went well."}},
        "x-scope": str(route.scope),
    }
