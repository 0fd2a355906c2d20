"""Whether the ledger has what the stand-in answered, to the token, from two counts that share no code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lab.llm.draws import Used
from lab.llm.standin import Count

_NAMES = {
    "input_uncached": "fresh",
    "cache_read": "cached",
    "cache_write_5m": "kept_minutes",
    "cache_write_1h": "kept_hour",
    "output": "answered",
    "reasoning": "reasoned",
    "web_search": "searches",
}


def differences(counted: Mapping[tuple[str, str], Count], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """What differs between the stand-in's count and the lines of `costs report --by user,model --json`."""
    reported = {(row["user"], row["model"]): row for row in rows}
    told = {key: _told(row) for key, row in reported.items()}
    expected = {key: (count.calls, count.used) for key, count in counted.items()}
    return [
        f"{' '.join(key)}: answered {expected.get(key)}, in the ledger {told.get(key)}"
        for key in sorted(expected.keys() | told.keys())
        if expected.get(key) != told.get(key)
    ]


def _told(row: Mapping[str, Any]) -> tuple[int, Used]:
    counts = dict(row["tokens"])
    if counts.pop("requests", None) != row["events"]:
        raise ValueError(f"each event is one call: {row}")
    return row["events"], Used(**{_NAMES[name]: count for name, count in counts.items()})
