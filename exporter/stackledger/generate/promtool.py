"""promtool test files: each alert's own cases, run against the very rule files that Prometheus loads.

The cases ask for the series ALERTS rather than promtool's list of alerts, which would want every annotation spelt
out, values and all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from stackledger.generate.inputs import Inputs, LabelMatch
from stackledger.generate.overrides import meets
from stackledger.generate.resolved import Alert, Resolved
from stackledger.generate.rules import alert_json, rule_file, slo_rule_file, static_labels
from stackledger.generate.text import yaml_bytes
from stackledger.model import Fires, RuleTest, Silent
from stackledger.slo.recording import EVALUATION_SECONDS

_MINUTE: Final = "1m"


def render(resolved: Resolved) -> dict[str, bytes]:
    """`alerts/tests/<section>_test.yaml`, `..._long_test.yaml` and `alerts/tests/slo-<name>_test.yaml`."""
    files: dict[str, bytes] = {}
    inputs = resolved.inputs
    for section in inputs.sections:
        alerts = [alert for alert in resolved.alerts if alert.section is section and alert.slo is None]
        interval = inputs.prometheus.evaluation_interval
        files |= _file(inputs, section.name, rule_file(section.name), alerts=alerts, interval=interval)
    for _, slo in resolved.slos:
        alerts = [alert for alert in resolved.alerts if alert.slo is slo]
        files |= _file(inputs, f"slo-{slo.name}", slo_rule_file(slo), alerts=alerts, interval=f"{EVALUATION_SECONDS}s")
    return files


def _file(inputs: Inputs, name: str, rules: str, *, alerts: list[Alert], interval: str) -> dict[str, bytes]:
    """Cases told in minutes last for hours: they are evaluated every minute, in a file of their own.

    promtool evaluates every rule of the file at each interval of the whole time, so seconds would cost minutes.
    """
    notes: list[str] = []
    cases = [case for alert in alerts for case in _cases(inputs, alert, notes)]
    files = {}
    for suffix, long, every in (("", False, interval), ("_long", True, _MINUTE)):
        tests = _merged(case for case in cases if case["interval"].endswith("m") is long)
        if tests:
            document = {"rule_files": [f"../../{rules}"], "evaluation_interval": every, "tests": tests}
            said = tuple(dict.fromkeys(notes))
            files[f"alerts/tests/{name}{suffix}_test.yaml"] = yaml_bytes(document, notes=said)
    return files


def _merged(cases: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cases over the same series become one: replaying a history is what takes the time."""
    found: dict[str, dict[str, Any]] = {}
    for case in cases:
        key = repr((case["interval"], case["input_series"]))
        if key in found:
            found[key]["name"] += "; " + case["name"]
            found[key]["promql_expr_test"] += case["promql_expr_test"]
        else:
            found[key] = case
    return list(found.values())


def _cases(inputs: Inputs, alert: Alert, notes: list[str]) -> Iterator[dict[str, Any]]:
    if alert.piece.changed:
        what = " and ".join(sorted(alert.piece.changed))
        notes.append(f"{alert.rule.name}: an override changes its {what}; the cases for the declared rule are left out")
        return
    keeps = "keep_firing_for" in alert_json(inputs, alert)
    for test in alert.rule.tests:
        if _concerns(alert, test):
            yield _case(alert, _without_end(test) if keeps else test)


def _without_end(test: RuleTest) -> RuleTest:
    """A page that is kept on after its condition ended is not silent yet when the declared rule would be."""
    firing = False
    kept = []
    for expect in test.expect:
        firing = firing or isinstance(expect, Fires)
        if not firing or isinstance(expect, Fires):
            kept.append(expect)
    return replace(test, expect=tuple(kept))


def _concerns(alert: Alert, test: RuleTest) -> bool:
    """A piece of a rule that an override has split is tested by the cases whose firing series it watches."""
    if not alert.piece.matchers:
        return True
    expected = [labels for expect in test.expect if isinstance(expect, Fires) for labels in expect.labels]
    return bool(expected) and all(_watched(alert.piece.matchers, labels) for labels in expected)


def _watched(matchers: Iterable[LabelMatch], labels: Any) -> bool:
    return all(meets(match, labels.get(match.label, "")) for match in matchers)


def _case(alert: Alert, test: RuleTest) -> dict[str, Any]:
    return {
        "name": f"{alert.rule.name}: {test.title}",
        "interval": test.interval,
        "input_series": [{"series": series, "values": values} for series, values in test.series.items()],
        "promql_expr_test": [_expectation(alert, expect) for expect in test.expect],
    }


def _expectation(alert: Alert, expect: Fires | Silent) -> dict[str, Any]:
    static = {"alertname": alert.rule.name, "alertstate": "firing", **static_labels(alert)}
    samples = []
    if isinstance(expect, Fires):
        samples = [{"labels": _series({**labels, **static}), "value": 1} for labels in expect.labels]
    return {"expr": _series(static), "eval_time": expect.at, "exp_samples": samples}


def _series(labels: dict[str, str]) -> str:
    return "ALERTS{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"
