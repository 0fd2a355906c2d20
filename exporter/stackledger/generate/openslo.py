"""SLOs as OpenSLO v1 documents, for catalogues and other tools. The rules that measure them are in `rules`.

OpenSLO v1 allows one condition per alert policy, so burn alerts over two windows cannot be said in it; they are left
to the rule files and named in an annotation.
"""

from __future__ import annotations

from typing import Any

from stackledger.generate.resolved import Resolved
from stackledger.generate.rules import slo_rule_file
from stackledger.generate.text import yaml_bytes
from stackledger.model import SLO, EventRatio
from stackledger.slo import names, policy
from stackledger.slo.alerts import alert_name
from stackledger.slo.recording import EVALUATION_SECONDS

_API = "openslo/v1"


def render(resolved: Resolved) -> dict[str, bytes]:
    """`slo/<name>.yaml`, each with the SLO and the service that it belongs to."""
    files = {}
    for section, slo in resolved.slos:
        service = {
            "apiVersion": _API,
            "kind": "Service",
            "metadata": {"name": section.name, "displayName": section.title},
            "spec": {"description": f"{section.title}, owned by {slo.team or section.team}."},
        }
        files[f"slo/{slo.name}.yaml"] = yaml_bytes(service, _document(slo, section.name))
    return files


def _document(slo: SLO, service: str) -> dict[str, Any]:
    sliced = not isinstance(slo.sli, EventRatio)
    target = slo.objective / 100
    objective: dict[str, Any] = {"displayName": f"{slo.objective} %", "target": target}
    if sliced:
        # A slice is one evaluation: good or bad as a whole.
        objective |= {"timeSliceTarget": 1, "timeSliceWindow": f"{EVALUATION_SECONDS}s"}
    notes = policy(slo.objective, slo.window_days).notes
    annotations = {"stackledger/alert": alert_name(slo), "stackledger/rules": slo_rule_file(slo)}
    if notes:
        annotations["stackledger/notes"] = "; ".join(notes)
    return {
        "apiVersion": _API,
        "kind": "SLO",
        "metadata": {"name": slo.name, "displayName": slo.title, "annotations": annotations},
        "spec": {
            "description": slo.description,
            "service": service,
            "indicator": {"metadata": {"name": f"{slo.name}-sli"}, "spec": {"ratioMetric": _ratio(slo)}},
            "timeWindow": [{"duration": f"{slo.window_days}d", "isRolling": True}],
            "budgetingMethod": "Timeslices" if sliced else "Occurrences",
            "objectives": [objective],
        },
    }


def _ratio(slo: SLO) -> dict[str, Any]:
    if isinstance(slo.sli, EventRatio):
        bad, total = (vector.sum(*slo.by).text for vector in (slo.sli.bad, slo.sli.total))
        return {"counter": True, "bad": _source(bad), "total": _source(total)}
    bad, total = (f'{metric.name}{{slo="{slo.name}"}}' for metric in (names.BAD_SLICE, names.KNOWN_SLICE))
    return {"counter": False, "bad": _source(bad), "total": _source(total)}


def _source(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}
