"""Run the service: read every target, answer /metrics.

Example:
  stackledger serve --config deploy/stackledger.yaml

SIGHUP (or POST /-/reload) reads the configuration again; a refused one leaves the one in force. SIGINT and SIGTERM end
the service cleanly.

With a section `costs`, three processes run: one observes, one takes usage in, one holds the ledger. Each is started
again when it dies; a reload that changes `costs`, `http` or `prometheus.url` starts the latter two again, which loses
nothing. --role runs one of them alone.

"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from stackledger.cli import config_argument

if TYPE_CHECKING:
    from stackledger.config import Configuration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    config_argument(parser)
    parser.add_argument("--data-dir", metavar="DIR", help="where state is kept, instead of the configuration's")
    parser.add_argument("--log", choices=("text", "json"), default="text", help="how log lines are written")
    parser.add_argument("--role", choices=("observe", "ingest", "ledger"), help="run one process of the service alone")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    from stackledger.cli.logs import set_up
    from stackledger.config import load
    from stackledger.domains.cost import COST

    set_up(arguments.log)
    configuration = load(Path(arguments.config))
    if arguments.data_dir:
        configuration = configuration.with_data_dir(Path(arguments.data_dir))
    if arguments.role is None and configuration.of_domain(COST) is not None:
        return _supervise(arguments)
    import uvloop

    from stackledger.errors import StorageError, UnreachableError
    from stackledger.serve.supervise import end_with_parent

    end_with_parent()

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_role(arguments.role or "observe", configuration))
    except StorageError as error:  # no mistake of the input: the store may be there in a moment
        raise UnreachableError(str(error)) from error
    return 0


def _supervise(arguments: argparse.Namespace) -> int:
    """Run every role as a process of its own."""
    from stackledger.clock import SystemClock
    from stackledger.serve.supervise import Supervisor

    words = ["--config", arguments.config, "--log", arguments.log]
    if arguments.data_dir:
        words += ["--data-dir", arguments.data_dir]
    return asyncio.run(Supervisor(words, SystemClock()).run())


async def _role(role: str, configuration: Configuration) -> None:
    """One process. Raises ConfigError when the configuration has nothing for it to do."""
    from stackledger.clock import SystemClock
    from stackledger.domains.cost import COST
    from stackledger.errors import ConfigError, Mistake

    clock = SystemClock()
    if role == "observe":
        from stackledger.serve.run import run as observe

        await observe(configuration, clock)
        return
    settings, data_dir = configuration.of_domain(COST), configuration.root.data_dir
    if settings is None or data_dir is None:
        raise ConfigError([Mistake("costs", f"--role {role} needs the section `costs`", str(configuration.path))])
    if role == "ingest":
        from stackledger.serve.ingest import run as ingest

        await ingest(configuration, settings, data_dir, clock)
        return
    from stackledger.serve.ledger import run as ledger

    await ledger(settings, data_dir, clock, configuration.root.prometheus.url)
