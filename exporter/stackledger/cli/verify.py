"""Compare everything that dashboards, alerts and SLOs use with what really exists, use by use.

Example:
  stackledger verify --config deploy/stackledger.yaml --url http://127.0.0.1:9877/metrics --prometheus http://127.0.0.1:9090

Exit code 0 at 100 %, 1 below it with what is missing and where it is used, 3 when the page or Prometheus cannot be
had. Conditional uses (series that exist only after an event) are reported and not counted.

"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from stackledger.cli import config_argument, json_argument

if TYPE_CHECKING:
    from stackledger.verify.compare import Coverage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    config_argument(parser)
    parser.add_argument("--url", required=True, help="the service's /metrics")
    parser.add_argument("--prometheus", metavar="URL", help="Prometheus, for series made by rules")
    parser.add_argument("--token-file", metavar="FILE", help="file with a bearer token for --url")
    parser.add_argument("--all", action="store_true", help="print every use, not only those that are not present")
    json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare and print."""
    from stackledger.config import load
    from stackledger.generate import resolve
    from stackledger.generate.checks import own_rules
    from stackledger.generate.mapping import inputs_of
    from stackledger.verify.compare import compare
    from stackledger.verify.fetch import from_page, from_prometheus
    from stackledger.verify.uses import needed, needed_by_own_rules

    resolved = resolve(inputs_of(load(Path(arguments.config))).without_expired())
    boards = [board for _, board in resolved.dashboards]
    rules = [alert.rule for alert in resolved.alerts]
    needs = (*needed(boards, rules, resolved.inputs.slos), *needed_by_own_rules(own_rules(resolved.inputs)))
    exposed = from_page(arguments.url, _token(arguments.token_file))
    recorded = None
    if arguments.prometheus:
        recorded = from_prometheus(arguments.prometheus, (need.use.sample for need in needs if need.recorded))
    coverage = compare(needs, exposed, recorded)
    print(json.dumps(_as_json(coverage), indent=2) if arguments.json else _as_text(coverage, everything=arguments.all))
    return 0 if coverage.ratio == 1.0 else 1


def _token(file: str | None) -> str | None:
    """The token. Raises AuthError or ConfigError that names the file, never what is in it."""
    from stackledger.clients.settings import Secret
    from stackledger.errors import ConfigError, Mistake

    if file is None:
        return None
    token = Secret(file=Path(file)).read().strip()
    if not token or any(not "!" <= character <= "~" for character in token):
        raise ConfigError([Mistake("--token-file", "does not hold one token of visible ASCII characters", file)])
    return token


def _as_text(coverage: Coverage, *, everything: bool) -> str:
    from stackledger.verify.compare import Verdict

    lines = [
        f"{finding.verdict:11}  {finding.needed.use}  ({finding.needed.where})"
        + (f": {finding.reason}" if finding.reason else "")
        for finding in coverage.findings
        if everything or finding.verdict is not Verdict.PRESENT
    ]
    counts = ", ".join(f"{len(coverage.of(verdict))} {verdict}" for verdict in Verdict)
    return "\n".join([*lines, f"{_floored(coverage.ratio)} % of uses exist ({counts})"])


def _floored(ratio: float) -> str:
    """Per cent to one place, never rounded up to 100."""
    return "100" if ratio == 1.0 else f"{int(ratio * 1000) / 10:.1f}"


def _as_json(coverage: Coverage) -> dict[str, object]:
    return {
        "ratio": coverage.ratio,
        "uses": [
            {
                "selector": str(finding.needed.use),
                "where": finding.needed.where,
                "verdict": finding.verdict,
                "reason": finding.reason,
            }
            for finding in coverage.findings
        ],
    }
