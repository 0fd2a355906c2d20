"""The reference pages of this version: every setting, every metric, every alert, and the JSON Schema for editors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from stackledger import registry
from stackledger.catalogue import Metric
from stackledger.collect.integration import Domain, Integration
from stackledger.config.load import models_in
from stackledger.config.root import root_model
from stackledger.generate.text import HEADER


def pages() -> dict[str, bytes]:
    """The pages by file name."""
    return {
        "configuration.md": _encoded(_configuration()),
        "configuration.schema.json": (json.dumps(root_model().model_json_schema(), indent=2) + "\n").encode(),
        "metrics.md": _encoded(_metrics()),
        "alerts.md": _encoded(_alerts()),
    }


def _encoded(lines: Iterable[str]) -> bytes:
    comment = f"<!-- {HEADER.removeprefix('# ').rstrip()} -->"
    return "\n".join([comment, "", *lines, ""]).encode()


# -- configuration ---------------------------------------------------------------------------------------------------


def _configuration() -> Iterator[str]:
    yield "# Configuration"
    yield ""
    yield 'One YAML file; `include: ["conf.d/*.yaml"]` in the main file adds others. Unknown keys are mistakes.'
    yield "Secrets are given by reference: `{file: PATH}` or `{env: NAME}`. Relative paths start at the file."
    yield "`configuration.schema.json` beside this page is for editors."
    seen: set[type[BaseModel]] = set()
    yield from _model("", root_model(), seen)


def _model(path: str, model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    if model in seen:
        return
    seen.add(model)
    yield ""
    yield f"## {path or 'The root'}"
    yield ""
    yield (model.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")
    yield ""
    yield "| key | default | what |"
    yield "|---|---|---|"
    for name, info in model.model_fields.items():
        yield f"| `{info.alias or name}` | {_default(info)} | {' '.join((info.description or '').split())} |"
    for name, info in model.model_fields.items():
        for inner in models_in(info.annotation):
            many = "[]" if "tuple" in str(info.annotation) else ".<name>" if "dict" in str(info.annotation) else ""
            yield from _model(f"{path}.{name}{many}".lstrip("."), inner, seen)


def _default(info: Any) -> str:
    if info.is_required():
        return "required"
    value = info.default
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    return f"`{json.dumps(value, default=str)}`" if value not in (None, (), "") else ""


# -- metrics ---------------------------------------------------------------------------------------------------------


def _owners() -> tuple[Integration[Any, Any] | Domain, ...]:
    return (*registry.SOURCES, *registry.DOMAINS)


def _metrics() -> Iterator[str]:
    yield "# Metrics"
    yield ""
    yield "Every series carries `cluster`, `environment` and `region` where they are set, node-level ones also"
    yield "`instance`; community names carry `job`. *Budget* is the most series that one node (or target) may show."
    yield "*When silent*: what happens to the last value of a node that does not answer."
    for owner in _owners():
        if owner.metrics:
            yield ""
            yield f"## {owner.title}"
            yield ""
            yield "| name | type | labels | budget | when silent | what and from where |"
            yield "|---|---|---|---|---|---|"
            yield from (_metric_row(metric) for metric in owner.metrics)
        if isinstance(owner, Integration) and owner.left_out:
            yield ""
            yield "Names of the community's exporter that are left out:"
            yield ""
            yield "| name | why |"
            yield "|---|---|"
            yield from (f"| `{name}` | {reason} |" for name, reason in owner.left_out.items())


def _metric_row(metric: Metric[Any]) -> str:
    held = metric.missing.intervals
    silent = "held" if held is None else f"{held} reads" if held else "dropped"
    note = f" Exists after {metric.conditional}." if metric.conditional else ""
    origin = f" Name of {metric.compat}." if metric.compat else ""
    labels = ", ".join(f"`{name}`" for name in metric.label_names)
    doc = metric.doc.replace("|", "\\|")
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.budget} | {silent} | {doc}{note}{origin} |"


# -- alerts ----------------------------------------------------------------------------------------------------------


def _alerts() -> Iterator[str]:
    yield "# Alerts"
    yield ""
    yield "Thresholds, holds, severities and teams are changed under `alerts.overrides`. Page: now, at any hour."
    yield "Ticket: in working hours."
    for title, alerts in _alerts_by_owner().items():
        yield ""
        yield f"## {title}"
        yield ""
        yield "| alert | severity | for | fires while |"
        yield "|---|---|---|---|"
        for alert in alerts:
            condition = str(alert.condition).replace("|", "\\|")
            yield f"| `{alert.name}` | {alert.severity} | {alert.hold} | `{condition}` |"


def _alerts_by_owner() -> Mapping[str, tuple[Any, ...]]:
    enabled = tuple(registry.by_name())
    found: dict[str, tuple[Any, ...]] = {one.title: one.alerts() for one in registry.SOURCES}
    found |= {one.title: one.alerts(enabled) for one in registry.DOMAINS}
    return {title: alerts for title, alerts in found.items() if alerts}
