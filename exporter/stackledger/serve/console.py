"""The console's first pages, rendered on the server: every target at a glance, and the runbooks that alerts link to."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stackledger import registry
from stackledger.collect.integration import Domain, Integration
from stackledger.collect.runner import Status
from stackledger.domains.cost import COST
from stackledger.serve.observer import Observer
from stackledger.slo.alerts import alert_name
from stackledger.slo.runbook import body as burn_runbook

_STYLE = """
:root { color-scheme: light dark; --good: #1a7f37; --part: #9a6700; --bad: #cf222e; --line: #8884; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .6rem; vertical-align: top; }
tbody tr { border-top: 1px solid var(--line); } tbody tr.why { border-top: 0; overflow-wrap: anywhere; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
.state { font-weight: 600; } .good { color: var(--good); } .part { color: var(--part); } .bad { color: var(--bad); }
.big { font-size: 1.8rem; font-weight: 600; } .cards { display: flex; gap: 2rem; flex-wrap: wrap; }
pre, code { background: #8882; border-radius: 4px; padding: .1rem .3rem; } pre { padding: .8rem; overflow-x: auto; }
@media (max-width: 40rem) { .wide { display: none; } }
"""

_WORST_FIRST = ("not seen", "partly seen", "starting", "seen")
_CLASS = {"seen": "good", "starting": "part", "partly seen": "part", "not seen": "bad"}
_SIGN = {"seen": "●", "starting": "○", "partly seen": "◐", "not seen": "✕"}


def as_json(status: Status) -> dict[str, Any]:
    """A status for programs."""
    return asdict(status) | {"state": status.word}


def index(observer: Observer) -> str:
    """The first page: how many targets are wholly seen, and what is wrong with the others."""
    targets: dict[tuple[str, str], list[Status]] = {}
    for status in observer.statuses:
        targets.setdefault((status.integration, status.target), []).append(status)
    ordered = sorted(targets.values(), key=lambda lanes: (_WORST_FIRST.index(_word(lanes)), lanes[0].integration))
    seen = sum(_word(lanes) == "seen" for lanes in ordered)
    root = observer.configuration.root
    cards = [("targets wholly seen", f"{seen} of {len(ordered)}"), ("series", f"{observer.page.series:,}")]
    body = "".join(f'<div><div class="big">{value}</div>{label}</div>' for label, value in cards)
    rows = "".join(_row(lanes, observer.clock.now()) for lanes in ordered)
    costs = '<a href="/costs">costs</a> · ' if observer.configuration.of_domain(COST) is not None else ""
    return _page(
        f"{root.organisation}: {root.environment}",
        f'<div class="cards">{body}</div><h2>Targets</h2><table><thead><tr><th>State</th><th>Target</th>'
        '<th class="number">Parts</th><th class="wide number">Series</th><th class="wide">Read every</th>'
        f'<th class="number">Last wholly read</th></tr></thead><tbody>{rows}</tbody></table>'
        f'<p>{costs}<a href="/metrics">metrics</a> · <a href="/runbooks">runbooks</a> · '
        '<a href="/api/v1/targets">targets as JSON</a></p>',
        refresh=10,
    )


def _word(lanes: list[Status]) -> str:
    """The worst state of a target's lanes."""
    return min((status.word for status in lanes), key=_WORST_FIRST.index)


def _row(lanes: list[Status], now: float) -> str:
    first, word = lanes[0], _word(lanes)
    intervals = " / ".join(f"{status.interval_seconds:g} s" for status in lanes)
    cells = [
        f'<td class="state {_CLASS[word]}">{_SIGN[word]} {word}</td>',
        f"<td>{html.escape(first.integration)} / {html.escape(first.target)}</td>",
        f'<td class="number">{sum(first.parts.values())} of {len(first.parts)}</td>',
        f'<td class="wide number">{sum(status.series for status in lanes):,}</td>',
        f'<td class="wide">{intervals}</td>',
        f'<td class="number">{_ago(first.last_success, now)}</td>',
    ]
    troubles = "".join(
        f'<tr class="why"><td></td><td colspan="5">{status.lane} reads: {html.escape(status.trouble)}</td></tr>'
        for status in lanes
        if status.trouble
    )
    return f"<tr>{''.join(cells)}</tr>{troubles}"


def _ago(when: float | None, now: float) -> str:
    if when is None:
        return "never"
    seconds = max(0, int(now - when))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


# -- runbooks --------------------------------------------------------------------------------------------------------


def _runbook_files() -> Iterator[tuple[str, Path]]:
    owners: tuple[Integration[Any, Any] | Domain, ...] = (*registry.SOURCES, *registry.DOMAINS)
    for owner in owners:
        for path in sorted(owner.runbooks.glob("*.md")):
            yield owner.title, path


def runbook_index() -> str:
    """All runbooks by system."""
    by_title: dict[str, list[Path]] = {}
    for title, path in _runbook_files():
        by_title.setdefault(title, []).append(path)
    sections = "".join(
        f"<h2>{html.escape(title)}</h2><ul>{''.join(_runbook_item(path) for path in paths)}</ul>"
        for title, paths in by_title.items()
    )
    return _page("Runbooks", sections)


def _runbook_item(path: Path) -> str:
    return f'<li><a href="/runbooks/{path.stem}">{path.stem}</a></li>'


def runbook(name: str) -> str | None:
    """One runbook as a page, or None where there is none of that name."""
    text = next((path.read_text(encoding="utf-8") for _, path in _runbook_files() if path.stem == name), None)
    text = text if text is not None else _burn_runbook(name)
    return None if text is None else _page(name, "\n".join(_markdown(text.splitlines())))


def _burn_runbook(name: str) -> str | None:
    """The runbook of an error budget that burns; all promises share one text."""
    enabled = tuple(registry.by_name())
    promises = [slo for integration in registry.SOURCES for slo in integration.slos()]
    promises += [slo for domain in registry.DOMAINS for slo in domain.slos(enabled)]
    return next((burn_runbook(slo) for slo in promises if alert_name(slo) == name), None)


def _markdown(lines: Iterable[str]) -> Iterator[str]:
    """The little Markdown that runbooks use: headings, lists, fenced code, paragraphs."""
    fenced = False
    for line in lines:
        if line.startswith("```"):
            fenced = not fenced
            yield "<pre>" if fenced else "</pre>"
        elif fenced:
            yield html.escape(line)
        elif line.startswith("#"):
            level = min(len(line) - len(line.lstrip("#")) + 1, 4)
            yield f"<h{level}>{_inline(line.lstrip('# '))}</h{level}>"
        elif line.lstrip().startswith(("- ", "* ")):
            yield f"<li>{_inline(line.lstrip()[2:])}</li>"
        elif line.strip():
            yield f"<p>{_inline(line)}</p>"


def _inline(text: str) -> str:
    pieces = html.escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))


def _page(title: str, body: str, *, refresh: int = 0) -> str:
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{again}<style>{_STYLE}</style></head>'
        f'<body><h1>{html.escape(title)}</h1>{body}<p><a href="/">all targets</a></p></body></html>'
    )
