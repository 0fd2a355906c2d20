"""The quality checklist for boards, run on the JSON as Grafana will read it. Owns the checks; knows no panel values.

A finding says which board, which panel and what is wrong, in words.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackledger import units

Json = dict[str, Any]

# fmt: off
CORE_PANELS = frozenset(
    {
        "alertlist", "annolist", "barchart", "bargauge", "candlestick", "canvas", "dashlist", "datagrid",
        "flamegraph", "gauge", "geomap", "heatmap", "histogram", "live", "logs", "news", "nodeGraph",
        "piechart", "radialbar", "stat", "state-timeline", "status-history", "table", "text", "timeseries",
        "traces", "trend", "xychart",
    }
)
# fmt: on
"""Panel types of Grafana 12.3 without plugins."""

_SCHEMA = 42
_COLUMNS = 24
_OPEN_LIMIT = 24
_BYTES_LIMIT = 512 * 1024
_TITLE_LIMIT = 60
_UID = re.compile(r"[a-zA-Z0-9_-]{1,40}\Z")
_UNITS = frozenset(unit.grafana for unit in units.ALL)
_REFRESH = frozenset({"30s", "1m", "5m"})
_INSTANT = frozenset({"stat", "table", "bargauge", "piechart", "gauge"})
_DEAD = frozenset({"rows", "__inputs", "sharedCrosshair", "style", "hideControls", "gnetId", "id"})
_DEAD_PANEL = frozenset(
    {"maxDataPoints", "intervalFactor", "height", "span", "minSpan", "error", "editable", "cacheTimeout"}
)
_WITHOUT_QUERY = frozenset({"text", "row", "dashlist", "alertlist", "news"})
_RATE = re.compile(r"\b(?:rate|irate)\((?:[^()\[\]]|\([^()]*\))*\[([^\]]+)\]")
_VARIABLE = re.compile(r"\$\{?([a-z][a-z0-9_]*)")
_GRAFANA_VARIABLES = re.compile(r"\$__[a-z_]+|\$\{__[^}]*\}")
_DEFAULT_STEPS = [("green", None), ("red", 80)]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a board."""

    board: str
    panel: str
    message: str

    def __str__(self) -> str:
        """`board / panel: message`."""
        return f"{self.board} / {self.panel}: {self.message}" if self.panel else f"{self.board}: {self.message}"


def lint(files: Mapping[str, bytes]) -> tuple[Finding, ...]:
    """Every finding in the boards among the generated files, each alone and all as a set."""
    boards = {path: json.loads(content) for path, content in files.items() if path.endswith(".json")}
    boards = {path: board for path, board in boards.items() if "panels" in board}
    found = [Finding(board["uid"], "", message) for board in boards.values() for message in _board(board)]
    for board in boards.values():
        for panel in panels_of(board):
            found += [Finding(board["uid"], panel["title"], message) for message in _panel(panel)]
    found += [
        Finding(boards[path]["uid"], "", "the file is larger than 512 KB")
        for path in boards
        if len(files[path]) > _BYTES_LIMIT
    ]
    return (*found, *_set(list(boards.values())), *_alerts(files, list(boards.values())))


def panels_of(board: Json) -> list[Json]:
    """Every panel that is no heading, also those of closed rows."""
    rows = [panel for panel in board["panels"] if panel["type"] == "row"]
    return [panel for panel in board["panels"] if panel["type"] != "row"] + [p for row in rows for p in row["panels"]]


# -- one board -------------------------------------------------------------------------------------------------------


def _board(board: Json) -> Iterator[str]:
    titles = Counter(panel["title"] for panel in panels_of(board))
    headings = [panel for panel in board["panels"] if panel["type"] == "row"]
    ids = Counter(panel["id"] for panel in [*headings, *panels_of(board)])
    opened = [panel for panel in board["panels"] if panel["type"] != "row"]
    checks = [
        (bool(_UID.match(board["uid"])), "the uid has other characters, or more than 40"),
        (board.get("schemaVersion") == _SCHEMA, f"schemaVersion is not {_SCHEMA}"),
        (not _DEAD & board.keys(), f"dead keys: {', '.join(sorted(_DEAD & board.keys()))}"),
        (not list(_nulls(board)), f"null at {', '.join(_nulls(board))}"),
        ("stackledger" in board["tags"], "the product's tag is missing"),
        (any(_is_tag_link(link) for link in board["links"]), "no link by tag that keeps variables and time"),
        (board["editable"] is False, "it can be edited although it is generated"),
        (board["refresh"] in _REFRESH, f"refresh {board['refresh']} is none of {', '.join(sorted(_REFRESH))}"),
        (bool(board.get("description")), "no description of audience and question"),
        (board.get("graphTooltip") == 1, "the crosshair is not shared"),
        (max(titles.values(), default=0) <= 1, "two panels share a title"),
        (max(ids.values(), default=0) <= 1, "two panels share an id"),
        (len(opened) <= _OPEN_LIMIT, f"{len(opened)} panels are open at load, more than {_OPEN_LIMIT}"),
    ]
    yield from (message for good, message in checks if not good)
    yield from _layout(board)
    yield from _variables(board)
    yield from _annotations(board)


def _nulls(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if item is None and not (key == "value" and "color" in value):
                yield f"{path}.{key}".lstrip(".")
            yield from _nulls(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _nulls(item, f"{path}[{index}]")


def _is_tag_link(link: Json) -> bool:
    return bool(link["type"] == "dashboards" and link["tags"] and link["includeVars"] and link["keepTime"])


def _layout(board: Json) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        grid = panel["gridPos"]
        if grid["x"] < 0 or grid["x"] + grid["w"] > _COLUMNS or (grid["h"] < 3 and panel["type"] != "row"):  # noqa: PLR2004
            yield f"{panel['title']!r} does not fit into the grid"
        for x in range(grid["x"], grid["x"] + grid["w"]):
            for y in range(grid["y"], grid["y"] + grid["h"]):
                if (x, y) in taken:
                    yield f"{panel['title']!r} overlaps {taken[x, y]!r}"
                    return
                taken[x, y] = panel["title"]
    lines = {y for _, y in taken}
    if lines != set(range(len(lines))):
        yield "there is an empty line between panels"


def _variables(board: Json) -> Iterator[str]:
    variables = board["templating"]["list"]
    if not variables or variables[0]["type"] != "datasource":
        yield "the first variable is not the data source"
    for variable in variables[1:]:
        checks = [
            (variable["type"] != "query" or variable["refresh"] == 2, "does not reload when the time changes"),  # noqa: PLR2004
            (not variable["multi"] or bool(variable.get("allValue")), "has no value for All"),
            (bool(variable.get("label")), "has no heading"),
            (variable.get("sort", 0) > 0, "is not sorted"),
            (variable.get("datasource", {}).get("uid") == "${datasource}", "ignores the chosen data source"),
        ]
        yield from (f"variable {variable['name']} {message}" for good, message in checks if not good)
    names = {variable["name"] for variable in variables}
    used = _used_variables(board)
    yield from (f"${name} is used but there is no such variable" for name in sorted(used - names))
    yield from (f"variable {name} is used by no query" for name in sorted(names - used))


def _used_variables(board: Json) -> set[str]:
    text = json.dumps({key: board[key] for key in ("panels", "annotations", "templating")})
    return set(_VARIABLE.findall(_GRAFANA_VARIABLES.sub("", text)))


def _annotations(board: Json) -> Iterator[str]:
    found = {annotation["name"]: annotation for annotation in board["annotations"]["list"]}
    if "Deployments" not in found:
        yield "deployments are not marked"
    if not any("ALERTS{" in annotation.get("expr", "") for annotation in found.values()):
        yield "alerts that fire are not marked"


# -- one panel -------------------------------------------------------------------------------------------------------


def _panel(panel: Json) -> Iterator[str]:
    checks = [
        (panel["type"] in CORE_PANELS, f"type {panel['type']} is not in Grafana's core"),
        (bool(panel.get("pluginVersion")), "no pluginVersion"),
        (len(panel["title"]) <= _TITLE_LIMIT, f"the title has more than {_TITLE_LIMIT} characters"),
        (bool(panel.get("description")), "no description"),
        (not _DEAD_PANEL & panel.keys(), f"dead keys: {', '.join(sorted(_DEAD_PANEL & panel.keys()))}"),
    ]
    yield from (message for good, message in checks if not good)
    if panel["type"] not in _WITHOUT_QUERY:
        yield from _drawn(panel)
        yield from _targets(panel)


def _drawn(panel: Json) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    steps = [(step["color"], step["value"]) for step in defaults["thresholds"]["steps"]]
    values = [value for _, value in steps[1:]]
    lined = panel["type"] != "timeseries" or len(steps) == 1
    checks = [
        (defaults.get("unit") in _UNITS, f"unit {defaults.get('unit')!r} is not in the table of units"),
        (steps[0][1] is None, "the first threshold has a value"),
        (steps != _DEFAULT_STEPS, "the thresholds are Grafana's default"),
        (values == sorted(values), "the thresholds are not in order"),
        (lined or defaults["custom"]["thresholdsStyle"]["mode"] != "off", "its thresholds are not drawn"),
        (bool(panel.get("links")), "no link to a runbook, an alert or a board"),
        (panel["type"] != "stat" or bool(defaults.get("noValue")), "nothing says what no value means"),
        (panel["type"] != "state-timeline" or bool(defaults["mappings"]), "states are told by colour alone"),
        (panel["type"] != "table" or bool(panel["options"].get("sortBy")), "the table is not sorted"),
    ]
    yield from (message for good, message in checks if not good)


def _targets(panel: Json) -> Iterator[str]:
    letters = [target["refId"] for target in panel["targets"]]
    if len(set(letters)) != len(letters) or not letters:
        yield "queries share a letter, or there is none"
    for target in panel["targets"]:
        instant = target["instant"]
        checks = [
            (target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, "ignores the data source"),
            (instant != target["range"], "is neither instant nor a range, or both"),
            (instant == (panel["type"] in _INSTANT), "is instant where a range belongs, or the other way round"),
            (bool(target["legendFormat"]), "has no legend"),
        ]
        yield from (f"query {target['refId']} {message}" for good, message in checks if not good)
        yield from (f"query {target['refId']} {message}" for message in _expression(target["expr"], instant=instant))


def _expression(expr: str, *, instant: bool) -> Iterator[str]:
    import promql_parser  # noqa: PLC0415 - a native parser that only the lint needs

    # A graph of speed follows the zoom; a single value, or "how many in the last hour", has a window of its own.
    windows = {window for window in _RATE.findall(expr) if window != "$__rate_interval" and not instant}
    if windows:
        yield f"takes a rate over {', '.join(sorted(windows))} instead of $__rate_interval"
    if "histogram_quantile" in expr and not re.search(r"by \([^)]*\ble\b", expr):
        yield "takes a quantile of buckets that are not summed by le"
    try:
        promql_parser.parse(expr.replace("$__rate_interval", "5m"))
    except ValueError as error:
        yield f"does not parse: {error}"


# -- the set ---------------------------------------------------------------------------------------------------------


def _set(boards: list[Json]) -> Iterator[Finding]:
    uids = Counter(board["uid"] for board in boards)
    for board in boards:
        if uids[board["uid"]] > 1:
            yield Finding(board["uid"], "", "another board has this uid")
        for panel in panels_of(board):
            for link in panel.get("links", []):
                target = re.match(r"/d/([^/?]+)", link["url"])
                if target and target[1] not in uids:
                    yield Finding(board["uid"], panel["title"], f"links to {target[1]}, which is no board of ours")


def _alerts(files: Mapping[str, bytes], boards: list[Json]) -> Iterator[Finding]:
    """Each alert's panel exists, and so does its runbook where we write it."""
    ids = {(board["uid"], str(panel["id"])) for board in boards for panel in panels_of(board)}
    for path, content in files.items():
        if not path.endswith(".yaml") or "/rules/" not in path:
            continue
        names = re.findall(r"^ *- alert: (\S+)$", content.decode(), re.MULTILINE)
        links = re.findall(r"dashboard_url: \S*?/d/([^?\s]+)\?viewPanel=(\d+)", content.decode())
        for link in links:
            if link not in ids:
                yield Finding(path, "", f"an alert points at panel {link[1]} of {link[0]}, which does not exist")
        if path != "alerts/rules/extra.yaml":
            yield from (
                Finding(path, "", f"{name} has no runbook") for name in names if f"docs/runbooks/{name}.md" not in files
            )
