"""Brings the JSON of grafanalib's class model to schema 42: drops what Grafana dropped, adds what it expects.

Owns the gaps between grafanalib 0.7.1 and Grafana 12; what to draw is decided in `panels`.
"""

from __future__ import annotations

from typing import Any

SCHEMA_VERSION = 42

_DEAD_PANEL_KEYS = frozenset(
    {
        "cacheTimeout",
        "editable",
        "error",
        "height",
        "hideTimeOverride",
        "interval",
        "maxDataPoints",
        "minSpan",
        "repeat",
        "span",
        "timeFrom",
        "timeShift",
    }
)
_DEAD_BOARD_KEYS = frozenset(
    {"__inputs", "gnetId", "hideControls", "id", "rows", "sharedCrosshair", "style", "timepicker", "version"}
)
_DEAD_VARIABLE_KEYS = frozenset({"auto", "auto_count", "auto_min", "tagValuesQuery", "tags", "tagsQuery", "useTags"})


def panel(data: dict[str, Any]) -> dict[str, Any]:
    """A panel without dead keys and nulls, lists of nothing left out."""
    kept = {key: value for key, value in data.items() if key not in _DEAD_PANEL_KEYS}
    if not kept.get("transparent"):
        kept.pop("transparent", None)
    for key in ("links", "transformations"):
        if not kept.get(key):
            kept.pop(key, None)
    return {key: _without_nulls(value) for key, value in kept.items() if value is not None}


def variable(data: dict[str, Any]) -> dict[str, Any]:
    """A variable without the keys of old Grafana."""
    kept = {key: value for key, value in data.items() if key not in _DEAD_VARIABLE_KEYS and value is not None}
    return {key: _without_nulls(value) for key, value in kept.items()}


def dashboard(data: dict[str, Any]) -> dict[str, Any]:
    """A board without dead keys; panels and variables are already modern."""
    return {key: value for key, value in data.items() if key not in _DEAD_BOARD_KEYS and value is not None}


def _without_nulls(value: Any) -> Any:
    """No null anywhere but in the first step of thresholds, whose value null means minus infinity."""
    if isinstance(value, dict):
        if set(value) == {"color", "value"}:
            return value
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
