"""Check a configuration: every mistake at once, each with its file, line, path and remedy.

Example:
  stackledger check --config deploy/stackledger.yaml

Reads nothing but files: no target is contacted (that is `doctor`). Exit code 0, or 2 with the mistakes. A key of
costs.pulls that cannot be read is told and no mistake: it may be there where the service runs.

"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stackledger.cli import config_argument, json_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    config_argument(parser)
    json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check, and say what the configuration comes to."""
    from stackledger.cli.pull_keys import unreadable_keys
    from stackledger.config import load
    from stackledger.generate import render, resolve
    from stackledger.generate.mapping import inputs_of

    configuration = load(Path(arguments.config))
    inputs = inputs_of(configuration)
    resolved = resolve(inputs)
    render(inputs)  # brings up what only shows when everything stands together
    facts = {
        "targets": {one.name: [target.name for target in section.targets] for one, section in configuration.sections()},
        "discoveries": sum(len(section.discover) for _, section in configuration.sections()),
        "dashboards": len(resolved.dashboards),
        "alerts": len(resolved.alerts),
        "slos": len(inputs.slos),
        "unreadable_keys": list(unreadable_keys(configuration)),
    }
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return 0
    for name, targets in facts["targets"].items():  # type: ignore[attr-defined]
        print(f"{name}: {len(targets)} target{'s' * (len(targets) != 1)} ({', '.join(targets)})")
    print(f"{facts['dashboards']} dashboards, {facts['alerts']} alerts, {facts['slos']} SLOs")
    for problem in facts["unreadable_keys"]:  # type: ignore[attr-defined]
        print(f"note: {problem}")
    print(f"{arguments.config} is fine")
    return 0
