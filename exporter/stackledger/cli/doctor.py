"""Try every target once, from here, and say what is wrong and what to do.

Example:
  stackledger doctor --config deploy/stackledger.yaml

Reads secrets (also the tokens of callers, http.tokens, and the keys of costs.pulls), connects, logs in and reads each
target in both lanes. What cannot be used is told, and the rest goes on. Exit code 0 when all was read, 1 when something
could not be.

"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackledger.cli import config_argument, json_argument

if TYPE_CHECKING:
    from stackledger.collect.discovery import Found
    from stackledger.collect.integration import Integration
    from stackledger.collect.plan import Planned
    from stackledger.collect.runner import Status
    from stackledger.collect.settings import Section
    from stackledger.config import Configuration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    config_argument(parser)
    json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read every target once."""
    import asyncio
    import logging

    from stackledger.cli.pull_keys import unreadable_keys
    from stackledger.config import load

    logging.getLogger("stackledger").setLevel(logging.CRITICAL)  # its lines say what we print in a better order
    configuration = load(Path(arguments.config))
    unreadable = list(_unreadable_tokens(configuration))
    statuses, problems = asyncio.run(_read_all(configuration))
    problems = [*unreadable, *_unreadable_rates(configuration), *unreadable_keys(configuration), *problems]
    tokens = len(configuration.root.http.tokens)
    if arguments.json:
        from dataclasses import asdict

        readable = {"readable": tokens - len(unreadable), "configured": tokens}
        facts = {"targets": [asdict(status) for status in statuses], "tokens": readable, "problems": problems}
        print(json.dumps(facts, indent=2))
    else:
        for line in (*_token_line(tokens, len(unreadable)), *(f"✕ {one}" for one in problems), *map(_line, statuses)):
            print(line)
    return 1 if problems or any(status.trouble for status in statuses) else 0


async def _read_all(configuration: Configuration) -> tuple[list[Status], list[str]]:
    from stackledger import registry
    from stackledger.clock import SystemClock
    from stackledger.collect.checkpoint import Checkpoints
    from stackledger.collect.scheduler import Place, Scheduler
    from stackledger.exposition import Page

    clock = SystemClock()
    page = Page(registry.metrics(), clock)
    nowhere = Checkpoints(None)
    scheduler = Scheduler(registry.by_name(), page, clock=clock, place=Place("", ""), checkpoints=nowhere)
    problems: list[str] = []
    for integration, section in configuration.sections():
        found = await _found(integration, section, problems)
        for planned in _planned(configuration, integration, section, found, problems).values():
            scheduler.prepare(planned)
    try:
        await scheduler.sweep_once()
        return list(scheduler.statuses), problems
    finally:
        await scheduler.close()


async def _found(integration: Integration[Any, Any], section: Section[Any], problems: list[str]) -> list[Found]:
    from stackledger.collect.discovery import look_up
    from stackledger.errors import DiscoveryError

    found: list[Found] = []
    for discovery in section.discover:
        try:
            found += await look_up(discovery)
        except DiscoveryError as error:
            problems.append(f"{integration.name}: {error}")
    return found


def _planned(
    configuration: Configuration,
    integration: Integration[Any, Any],
    section: Section[Any],
    found: list[Found],
    problems: list[str],
) -> dict[str, Planned]:
    """Every target that can be tried; one that was found and cannot be used is a problem of its own."""
    from stackledger.collect.plan import plan
    from stackledger.errors import DiscoveryError

    base = configuration.path.resolve().parent
    planned = plan(integration, section, base=base)
    for one in found:
        try:
            planned |= plan(integration, section, (one,), base=base)
        except DiscoveryError as error:
            problems.append(f"{integration.name}: {error}; correct `target` under its discovery, or what names it")
    return planned


def _unreadable_tokens(configuration: Configuration) -> Iterator[str]:
    from stackledger.errors import AuthError

    for index, token in enumerate(configuration.root.http.tokens):
        try:
            token.token.read()
        except AuthError as error:
            file, line, path = configuration.place("http", "tokens", index)
            remedy = "until then nobody gets in with it: write it, with the right to read it for the service's user"
            yield f"{file}:{line}: {path} ({token.name}): {error}; {remedy}"


def _unreadable_rates(configuration: Configuration) -> Iterator[str]:
    from stackledger.domains.cost import COST
    from stackledger.domains.cost.loaded import RateSource
    from stackledger.errors import QuestionError

    settings = configuration.of_domain(COST)
    if settings is None or settings.rates is None:
        return
    try:
        RateSource(settings.rates)()
    except QuestionError as error:
        file, line, path = configuration.place("costs", "rates", "file")
        yield f"{file}:{line}: {path}: {error}; until then no amount in another currency is known"


def _token_line(configured: int, unreadable: int) -> list[str]:
    sign = "●" if not unreadable else "✕" if unreadable == configured else "◐"
    return [f"{sign} http.tokens: {configured - unreadable} of {configured} can be read"] if configured else []


def _line(status: Status) -> str:
    sign = "✕" if status.trouble and not any(status.parts.values()) else "◐" if status.trouble else "●"
    parts = f"{sum(status.parts.values())} of {len(status.parts)} parts, {status.series} series"
    text = f"{sign} {status.integration}/{status.target} {status.lane}: {parts}"
    return f"{text}\n    {status.trouble}" if status.trouble else text
