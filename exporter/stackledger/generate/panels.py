"""A `Panel` value as Grafana's JSON. Owns queries, units, options and links of single panels, not where they stand."""

from __future__ import annotations

import string
from typing import Any

from stackledger import units
from stackledger.generate import modernise, thresholds
from stackledger.generate.addresses import alert_list_url, runbook_url
from stackledger.generate.resolved import Resolved
from stackledger.model import Panel, Query, Style
from stackledger.slo import board

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_INSTANT = frozenset({Style.STAT, Style.TABLE, Style.BARGAUGE, Style.GAUGE})
_NO_VALUE = "no data"


def panel_json(resolved: Resolved, panel: Panel, grid: dict[str, int]) -> dict[str, Any]:
    """The panel at a place of the grid."""
    data = modernise.panel(_BUILDERS[panel.style](panel, thresholds.steps(resolved, panel)))
    data |= {
        "id": panel.id,
        "title": panel.title,
        "description": panel.description,
        "gridPos": grid,
        "pluginVersion": resolved.inputs.grafana.plugin_version,
        "type": panel.style.value,
    }
    if panel.style is Style.TEXT:
        data.pop("targets", None)
        data.pop("datasource", None)
        return data
    data |= {"datasource": DATASOURCE, "targets": _targets(panel)}
    data["fieldConfig"] = _field_config(resolved, panel, data.get("fieldConfig", {}))
    data["links"] = _links(resolved, panel)
    return data


# -- queries ---------------------------------------------------------------------------------------------------------


def _targets(panel: Panel) -> list[dict[str, Any]]:
    return [_target(panel, query, letter) for query, letter in zip(panel.queries, string.ascii_uppercase, strict=False)]


def _target(panel: Panel, query: Query, letter: str) -> dict[str, Any]:
    instant = panel.style in _INSTANT
    target: dict[str, Any] = {
        "refId": letter,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr.text,
        "instant": instant,
        "range": not instant,
        "legendFormat": query.legend or "__auto",
        "format": {Style.TABLE: "table", Style.HEATMAP: "heatmap"}.get(panel.style, "time_series"),
    }
    if not instant and "_bucket" in query.expr.text:
        target["exemplar"] = True
    return target


# -- what a value looks like -----------------------------------------------------------------------------------------


def _field_config(resolved: Resolved, panel: Panel, given: dict[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = dict(given.get("defaults", {}))
    defaults["unit"] = (panel.shown_unit or units.COUNT).grafana
    defaults["noValue"] = _NO_VALUE
    defaults["thresholds"] = {"mode": "absolute", "steps": thresholds.steps(resolved, panel)}
    defaults["mappings"] = _mappings(panel)
    low, high = _range(panel)
    defaults |= {key: value for key, value in (("min", low), ("max", high)) if value is not None}
    lines = thresholds.has_lines(resolved, panel)
    if panel.style is Style.TIMESERIES:
        defaults["custom"] |= {"thresholdsStyle": {"mode": "line" if lines else "off"}}
    elif "color" not in defaults:
        defaults["color"] = {"mode": "thresholds"} if lines or panel.values else {"mode": "fixed", "fixedColor": "text"}
    return {"defaults": defaults, "overrides": given.get("overrides", []) + _column_overrides(panel)}


def _range(panel: Panel) -> tuple[float | None, float | None]:
    """A ratio of 0 to 1 is drawn on the whole axis; what the panel says goes first."""
    full = panel.shown_unit is units.RATIO and panel.style in (Style.GAUGE, Style.BARGAUGE)
    low = panel.minimum if panel.minimum is not None else (0 if full else None)
    high = panel.maximum if panel.maximum is not None else (1 if full else None)
    return low, high


def _mappings(panel: Panel) -> list[dict[str, Any]]:
    options = {
        f"{value.value:g}": {"color": value.colour, "index": index, "text": value.text}
        for index, value in enumerate(panel.values)
    }
    return [{"type": "value", "options": options}] if options else []


def _column_overrides(panel: Panel) -> list[dict[str, Any]]:
    return [
        {
            "matcher": {"id": "byName", "options": column.heading},
            "properties": [{"id": "unit", "value": column.unit.grafana}],
        }
        for column in panel.columns
        if column.unit is not None
    ]


def _links(resolved: Resolved, panel: Panel) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(alert.rule.name for alert in resolved.alerts_of(panel)))
    links = [_link(f"Runbook: {name}", runbook_url(resolved.inputs.links, name)) for name in names]
    links += [_link(f"Alert: {name}", alert_list_url(resolved.inputs.links, name)) for name in names]
    if resolved.slos_of(panel):
        links.append(_link("Error budget", f"/d/{board.UID}?${{__url_time_range}}"))
    return links or [_link("Alerts that fire now", "/alerting/list?search=state:firing")]


def _link(title: str, url: str) -> dict[str, Any]:
    return {"title": title, "url": url, "targetBlank": True}


# -- panel types -----------------------------------------------------------------------------------------------------


def _timeseries(panel: Panel, _steps: list[dict[str, Any]]) -> dict[str, Any]:
    from grafanalib.core import TimeSeries  # noqa: PLC0415 - 80 ms, only where boards are rendered

    data: dict[str, Any] = TimeSeries(
        title=panel.title,
        fillOpacity=30 if panel.stacked else 10,
        legendDisplayMode="table",
        legendCalcs=["lastNotNull", "max"],
        lineWidth=1,
        showPoints="never",
        stacking={"mode": "normal" if panel.stacked else "none", "group": "A"},
        tooltipMode="multi",
        tooltipSort="desc",
    ).to_json_data()
    return data


def _stat(panel: Panel, steps: list[dict[str, Any]]) -> dict[str, Any]:
    from grafanalib.core import Stat  # noqa: PLC0415 - see _timeseries

    coloured = len(steps) > 1 or bool(panel.values)
    data: dict[str, Any] = Stat(
        title=panel.title,
        reduceCalc="lastNotNull",
        graphMode="none",
        colorMode="background" if coloured else "value",
        textMode="auto" if len(panel.queries) == 1 and not panel.queries[0].legend else "value_and_name",
    ).to_json_data()
    data["options"]["justifyMode"] = "auto"
    data["fieldConfig"] = {"defaults": {}}
    return data


def _table(panel: Panel, _steps: list[dict[str, Any]]) -> dict[str, Any]:
    from grafanalib.core import Table  # noqa: PLC0415 - see _timeseries

    data: dict[str, Any] = Table(title=panel.title, showHeader=True).to_json_data()
    data["fieldConfig"] = {"defaults": {"custom": {"align": "auto", "cellOptions": {"type": "auto"}}}}
    data["options"] = {"showHeader": True, "cellHeight": "sm", "sortBy": _sort(panel)}
    data["transformations"] = _columns(panel)
    return data


def _state_timeline(panel: Panel, _steps: list[dict[str, Any]]) -> dict[str, Any]:
    from grafanalib.core import StateTimeline  # noqa: PLC0415 - see _timeseries

    data: dict[str, Any] = StateTimeline(title=panel.title, tooltipMode="multi").to_json_data()
    data["fieldConfig"] = {"defaults": {"custom": {"fillOpacity": 70, "lineWidth": 0}}}
    return data


def _gauge(_panel: Panel, _steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"options": {"reduceOptions": _last(), "showThresholdLabels": False, "showThresholdMarkers": True}}


def _bar_gauge(_panel: Panel, _steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "options": {
            "reduceOptions": _last(),
            "displayMode": "basic",
            "orientation": "horizontal",
            "showUnfilled": True,
            "valueMode": "color",
        }
    }


def _heatmap(_panel: Panel, _steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "fieldConfig": {"defaults": {"custom": {"scaleDistribution": {"type": "linear"}}}},
        "options": {
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange"},
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "yHistogram": False},
            "yAxis": {"axisPlacement": "left", "reverse": False},
        },
    }


def _text(panel: Panel, _steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"options": {"mode": "markdown", "content": panel.description}}


def _last() -> dict[str, Any]:
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}


_BUILDERS = {
    Style.TIMESERIES: _timeseries,
    Style.STAT: _stat,
    Style.GAUGE: _gauge,
    Style.BARGAUGE: _bar_gauge,
    Style.TABLE: _table,
    Style.STATE_TIMELINE: _state_timeline,
    Style.HEATMAP: _heatmap,
    Style.TEXT: _text,
}


# -- tables ----------------------------------------------------------------------------------------------------------


def _field(panel: Panel, source: str) -> str:
    """What Grafana calls a column: a label's name, or `Value` with the query's letter where there are several."""
    if source not in string.ascii_uppercase[: len(panel.queries)]:
        return source
    return f"Value #{source}" if len(panel.queries) > 1 else "Value"


def _columns(panel: Panel) -> list[dict[str, Any]]:
    """Join the queries on their labels, then show the columns that the panel names, in its order."""
    if not panel.columns:
        return [{"id": "merge", "options": {}}]
    shown = [_field(panel, column.source) for column in panel.columns]
    labels = {label for query in panel.queries for label in query.expr.labels} | {"Time", "__name__"}
    organise = {
        "excludeByName": dict.fromkeys(sorted(labels - set(shown)), True),
        "indexByName": {name: index for index, name in enumerate(shown)},
        "renameByName": {_field(panel, column.source): column.heading for column in panel.columns},
    }
    return [{"id": "merge", "options": {}}, {"id": "organize", "options": organise}]


def _sort(panel: Panel) -> list[dict[str, Any]]:
    """By the first value: the highest first, a remaining budget or other share the lowest first; else by name."""
    values = [column for column in panel.columns if column.source in string.ascii_uppercase[: len(panel.queries)]]
    if not panel.columns:
        return [{"displayName": _field(panel, "A"), "desc": True}]
    if not values:
        return [{"displayName": column.heading, "desc": False} for column in panel.columns[:1]]
    return [{"displayName": values[0].heading, "desc": values[0].unit is not units.RATIO}]
