"""Try every target once, from here, and say what is wrong and what to do.

Example:
  stackledger doctor --config deploy/stackledger.yaml

Reads secrets, connects, logs in and reads each target in both lanes. Exit code 0 when all was read, 1 when something
could not be.

"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from stackledger.cli import config_argument, json_argument

if TYPE_CHECKING:
    from stackledger.collect.runner import Status
    from stackledger.config import Configuration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    config_argument(parser)
    json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read every target once."""
    import asyncio
    import logging

    from stackledger.config import load

    logging.getLogger("stackledger").setLevel(logging.CRITICAL)  # its lines say what we print in a better order
    statuses, problems = asyncio.run(_read_all(load(Path(arguments.config))))
    if arguments.json:
        from dataclasses import asdict

        print(json.dumps({"targets": [asdict(status) for status in statuses], "problems": problems}, indent=2))
    else:
        for line in (*problems, *map(_line, statuses)):
            print(line)
    return 1 if problems or any(status.trouble for status in statuses) else 0


async def _read_all(configuration: Configuration) -> tuple[list[Status], list[str]]:
    from stackledger import registry
    from stackledger.clock import SystemClock
    from stackledger.collect.checkpoint import Checkpoints
    from stackledger.collect.discovery import Found, look_up
    from stackledger.collect.plan import plan
    from stackledger.collect.scheduler import Place, Scheduler
    from stackledger.errors import DiscoveryError
    from stackledger.exposition import Page

    clock = SystemClock()
    integrations = {integration.name: integration for integration in registry.INTEGRATIONS}
    scheduler = Scheduler(
        integrations, Page(registry.metrics(), clock), clock=clock, place=Place("", ""), checkpoints=Checkpoints(None)
    )
    problems = []
    for integration, section in configuration.sections():
        found: list[Found] = []
        for discovery in section.discover:
            try:
                found += await look_up(discovery)
            except DiscoveryError as error:
                problems.append(f"✕ {integration.name}: {error}")
        for planned in plan(integration, section, found, base=configuration.path.resolve().parent).values():
            scheduler.prepare(planned)
    try:
        await scheduler.sweep_once()
        return list(scheduler.statuses), problems
    finally:
        await scheduler.close()


def _line(status: Status) -> str:
    sign = "✕" if status.trouble and not any(status.parts.values()) else "◐" if status.trouble else "●"
    parts = f"{sum(status.parts.values())} of {len(status.parts)} parts, {status.series} series"
    text = f"{sign} {status.integration}/{status.target} {status.lane}: {parts}"
    return f"{text}\n    {status.trouble}" if status.trouble else text
