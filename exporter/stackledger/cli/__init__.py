"""The command line: one file per command, each imported only when it runs.

Exit codes: 0 fine, 1 no, 2 your input, 3 unknown or unreachable. A user's mistake never shows a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

import stackledger
from stackledger.errors import ConfigError, OutputError, StackledgerError, UnreachableError

COMMANDS = {
    "serve": "run the service",
    "check": "check a configuration and list every mistake",
    "generate": "write dashboards, alert rules, routing, SLOs and runbooks",
    "verify": "compare everything that dashboards, alerts and SLOs use with what exists",
    "doctor": "try every target once and say what is wrong and what to do",
    "costs": "what calls to models cost: usage, reports, prices, bills, the month's close",
    "explain": "tell all about a metric or an alert",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in COMMANDS:
        return _without_command(words)
    command = importlib.import_module(f"stackledger.cli.{words[0]}")
    parser = argparse.ArgumentParser(
        prog=f"stackledger {words[0]}",
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    return _run(command.run, parser.parse_args(words[1:]))


def _without_command(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="stackledger",
        description="Whether your stack is healthy, what it costs, and whether it keeps its promises.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n"
        + "\n".join(f"  {name:10} {text}" for name, text in COMMANDS.items())
        + "\n\nexample:\n  stackledger check --config deploy/stackledger.yaml",
    )
    parser.add_argument("--version", action="version", version=f"stackledger {stackledger.__version__}")
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of the commands below")
    parser.parse_args(words)
    return 2


def _run(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    try:
        return run(arguments)
    except ConfigError as error:
        for mistake in error.mistakes:
            print(mistake, file=sys.stderr)
        print(f"{len(error.mistakes)} mistake{'s' * (len(error.mistakes) != 1)}", file=sys.stderr)
        return 2
    except StackledgerError as error:
        print(error, file=sys.stderr)
        return next((code for kind, code in _EXIT_CODES.items() if isinstance(error, kind)), 2)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


_EXIT_CODES: dict[type[StackledgerError], int] = {UnreachableError: 3, OutputError: 1}


def config_argument(parser: argparse.ArgumentParser) -> None:
    """The option that nearly every command has."""
    parser.add_argument("--config", required=True, metavar="FILE", help="the configuration file")


def json_argument(parser: argparse.ArgumentParser) -> None:
    """The option of commands that a program may read."""
    parser.add_argument("--json", action="store_true", help="print JSON for a program")
