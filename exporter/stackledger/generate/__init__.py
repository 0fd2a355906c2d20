"""Renderers from plain values to files: boards, rules, routing, SLO documents, tests, runbooks, scrape configuration.

`render` is a pure function of its input; `write` brings a folder to the result. Owns file formats, no values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stackledger.generate.inputs import Inputs
from stackledger.generate.resolved import Resolved, resolve
from stackledger.generate.write import Action, Change, write

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Action", "Change", "Inputs", "Resolved", "render", "resolve", "write"]


def render(inputs: Inputs) -> dict[str, bytes]:
    """Every generated file by its relative path, sorted; the same bytes for the same input.

    Raises ConfigError with every mistake of the user's, DeclarationError for one of ours.
    """
    resolved = resolve(inputs)
    files: dict[str, bytes] = {}
    for renderer in _renderers():
        files |= renderer(resolved)
    return dict(sorted(files.items()))


def _renderers() -> tuple[Callable[[Resolved], dict[str, bytes]], ...]:
    from stackledger.generate import (  # noqa: PLC0415 - nothing is rendered by those who only need the values
        alertmanager,
        grafana,
        openslo,
        promtool,
        rules,
        runbooks,
        scrape,
    )

    return (
        grafana.render,
        grafana.provisioning,
        rules.render,
        alertmanager.render,
        openslo.render,
        promtool.render,
        runbooks.render,
        scrape.render,
    )
