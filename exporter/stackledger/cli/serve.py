"""Run the service: read every target, answer /metrics.

Example:
  stackledger serve --config deploy/stackledger.yaml

SIGHUP (or POST /-/reload) reads the configuration again; a refused one leaves the one in force. SIGINT and SIGTERM end
the service cleanly.

"""

from __future__ import annotations

import argparse
from pathlib import Path

from stackledger.cli import config_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    config_argument(parser)
    parser.add_argument("--data-dir", metavar="DIR", help="where state is kept, instead of the configuration's")
    parser.add_argument("--log", choices=("text", "json"), default="text", help="how log lines are written")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end."""
    import asyncio

    import uvloop

    from stackledger.cli.logs import set_up
    from stackledger.clock import SystemClock
    from stackledger.config import load
    from stackledger.serve.run import run as serve

    set_up(arguments.log)
    configuration = load(Path(arguments.config))
    if arguments.data_dir:
        configuration = configuration.with_data_dir(Path(arguments.data_dir))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(configuration, SystemClock()))
    return 0
