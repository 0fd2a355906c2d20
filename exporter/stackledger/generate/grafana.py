"""Boards as Grafana's classic JSON, and the provisioning files that make Grafana load them.

Schema 42 of the classic form is the one that Grafana 11 to 13 all accept from files.
"""

from __future__ import annotations

import zlib
from typing import Any

from stackledger.catalogue import Cluster
from stackledger.errors import DeclarationError
from stackledger.generate import modernise
from stackledger.generate.inputs import Grafana
from stackledger.generate.panels import DATASOURCE, panel_json
from stackledger.generate.resolved import Resolved
from stackledger.generate.text import json_bytes, yaml_bytes
from stackledger.model import Dashboard, Folder, Row, Variable

PRODUCT_TAG = "stackledger"
_COLUMNS = 24
_ROW_ID_BASE = 1_000_001  # above every Panel.id
_ALL = ".*"


def render(resolved: Resolved) -> dict[str, bytes]:
    """`dashboards/<folder>/<uid>.json`."""
    return {
        f"dashboards/{board.folder.lower()}/{board.uid}.json": json_bytes(dashboard_json(resolved, board))
        for _, board in resolved.dashboards
    }


def dashboard_json(resolved: Resolved, board: Dashboard) -> dict[str, Any]:
    """One board."""
    from grafanalib.core import Dashboard as Model  # noqa: PLC0415 - 80 ms, only where boards are rendered

    grafana = resolved.inputs.grafana
    data: dict[str, Any] = Model(
        title=board.title,
        description=board.description,
        uid=board.uid,
        editable=False,
        graphTooltip=1,
        refresh=board.refresh,
        schemaVersion=modernise.SCHEMA_VERSION,
        tags=_tags(board),
        timezone=grafana.timezone,
    ).to_json_data()
    data |= {
        "annotations": {"list": _annotations(grafana, board)},
        "links": _links(),
        "panels": _rows(resolved, board),
        "templating": {"list": _variables(board)},
        "time": {"from": board.span, "to": "now"},
    }
    return modernise.dashboard(data)


def _tags(board: Dashboard) -> list[str]:
    return list(dict.fromkeys((PRODUCT_TAG, board.folder.lower(), *board.tags)))


def _links() -> list[dict[str, Any]]:
    from grafanalib.core import DashboardLink  # noqa: PLC0415 - see dashboard_json

    link = DashboardLink(
        asDropdown=True, includeVars=True, keepTime=True, tags=[PRODUCT_TAG], title="Boards", type="dashboards"
    )
    return [{key: value for key, value in link.to_json_data().items() if value is not None}]


# -- where panels stand ----------------------------------------------------------------------------------------------


def _rows(resolved: Resolved, board: Dashboard) -> list[dict[str, Any]]:
    placed: list[dict[str, Any]] = []
    y = 0
    for row in board.rows:
        heading = _heading(row, y)
        panels, bottom = _flow(resolved, row, y + 1)
        placed.append(heading)
        if row.collapsed:
            heading["panels"] = panels
            y += 1
        else:
            placed += panels
            y = bottom
    return placed


def _heading(row: Row, y: int) -> dict[str, Any]:
    from grafanalib.core import GridPos, RowPanel  # noqa: PLC0415 - see dashboard_json

    data: dict[str, Any] = RowPanel(
        title=row.title,
        collapsed=row.collapsed,
        gridPos=GridPos(h=1, w=_COLUMNS, x=0, y=y),
        id=_ROW_ID_BASE + zlib.crc32(row.title.encode()) % 1_000_000,
    ).to_json_data()
    data["gridPos"] = {"h": 1, "w": _COLUMNS, "x": 0, "y": y}
    kept = ("collapsed", "gridPos", "id", "title", "type")
    return {key: data[key] for key in kept} | {"panels": []}


def _flow(resolved: Resolved, row: Row, top: int) -> tuple[list[dict[str, Any]], int]:
    """The panels from left to right, wrapped at 24 columns; also the first free line below them."""
    placed, x, y, height = [], 0, top, 0
    for panel in row.panels:
        if x + panel.width > _COLUMNS:
            x, y, height = 0, y + height, 0
        placed.append(panel_json(resolved, panel, {"h": panel.height, "w": panel.width, "x": x, "y": y}))
        x, height = x + panel.width, max(height, panel.height)
    return placed, y + height


# -- variables and annotations ---------------------------------------------------------------------------------------


def _variables(board: Dashboard) -> list[dict[str, Any]]:
    datasource = {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "hide": 0,
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "current": {},
        "options": [],
    }
    return [datasource, *(_variable(variable) for variable in board.variables)]


def _variable(variable: Variable) -> dict[str, Any]:
    from grafanalib.core import Template  # noqa: PLC0415 - see dashboard_json

    if variable.source.selector is None:
        raise DeclarationError(f"variable {variable.label.name!r}: {variable.source.text} is not a selector")
    query = f"label_values({variable.source.text}, {variable.label.name})"
    data: dict[str, Any] = Template(
        name=variable.label.name,
        query=query,
        label=variable.heading,
        dataSource=DATASOURCE,
        includeAll=True,
        allValue=_ALL,
        multi=variable.multi,
        refresh=2,
        sort=1,
    ).to_json_data()
    everything: dict[str, Any] = {"text": "All", "value": "$__all"}
    if variable.multi:
        everything = {"text": ["All"], "value": ["$__all"]}
    data |= {
        "current": everything,
        "definition": query,
        "options": [],
        "query": {"qryType": 1, "query": query, "refId": f"{variable.label.name}-values"},
    }
    return modernise.variable(data)


def _annotations(grafana: Grafana, board: Dashboard) -> list[dict[str, Any]]:
    own = {"type": "grafana", "uid": "-- Grafana --"}
    where = 'cluster=~"$cluster"' if any(v.label is Cluster for v in board.variables) else ""
    firing = ",".join(filter(None, ('alertstate="firing"', 'severity=~"page|ticket"', where)))
    builtin = {"builtIn": 1, "datasource": own, "name": "Annotations & Alerts", "type": "dashboard"}
    # Deployments are marked by tag, so they show before any metric of them exists.
    deployments = {
        "datasource": own,
        "name": "Deployments",
        "target": {"limit": 100, "matchAny": True, "tags": [grafana.deployments], "type": "tags"},
    }
    alerts = {
        "datasource": DATASOURCE,
        "expr": f"ALERTS{{{firing}}}",  # Prometheus' own series of alerts, of no catalogue
        "name": "Alerts that fire",
        "step": "60s",
        "tagKeys": "severity,team,cluster",
        "textFormat": "{{cluster}} {{instance}}",
        "titleFormat": "{{alertname}}",
    }
    return [
        {**builtin, "enable": True, "hide": True, "iconColor": "rgba(0, 211, 255, 1)"},
        {**deployments, "enable": True, "hide": False, "iconColor": "blue"},
        {**alerts, "enable": True, "hide": False, "iconColor": "red"},
    ]


# -- provisioning ----------------------------------------------------------------------------------------------------


def provisioning(resolved: Resolved) -> dict[str, bytes]:
    """The files for Grafana's provisioning folder: the data source, and one provider per folder of boards."""
    folders = sorted({board.folder for _, board in resolved.dashboards}, key=list(Folder).index)
    grafana = resolved.inputs.grafana
    return {
        "dashboards/provisioning/datasources/stackledger.yaml": yaml_bytes(_datasource(resolved)),
        "dashboards/provisioning/dashboards/stackledger.yaml": yaml_bytes(
            {"apiVersion": 1, "providers": [_provider(grafana, folder) for folder in folders]}
        ),
    }


def _datasource(resolved: Resolved) -> dict[str, Any]:
    intervals = [job.interval for job in resolved.inputs.scrape_jobs]
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": f"Prometheus ({resolved.inputs.organisation})",
                "uid": resolved.inputs.grafana.datasource_uid,
                "type": "prometheus",
                "access": "proxy",
                "url": resolved.inputs.links.prometheus_url,
                "isDefault": True,
                "editable": False,
                "jsonData": {"httpMethod": "POST", "timeInterval": intervals[0] if intervals else "15s"},
            }
        ],
    }


def _provider(grafana: Grafana, folder: Folder) -> dict[str, Any]:
    return {
        "name": f"stackledger-{folder.lower()}",
        "folder": folder.value,
        "type": "file",
        "allowUiUpdates": False,
        "disableDeletion": False,
        "updateIntervalSeconds": 30,
        "options": {"path": f"{grafana.dashboards_path}/{folder.lower()}", "foldersFromFilesStructure": False},
    }
