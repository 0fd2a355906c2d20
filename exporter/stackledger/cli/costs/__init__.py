"""Ask the cost ledger, or bring usage into it.

Examples:
  stackledger costs import --config stackledger.yaml usage.ndjson
  stackledger costs report --config stackledger.yaml --by user,model --from 2026-10-01 --to 2026-10-31
  stackledger costs report --config stackledger.yaml --by month --where team=search --json
  stackledger costs reconcile --config stackledger.yaml --month 2026-10
  stackledger costs refused --config stackledger.yaml

Where the service runs, its ledger is asked over the socket in the data directory; else the ledger is opened here.

"""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from stackledger.cli import config_argument
from stackledger.cli.costs.access import data_dir_argument

COMMANDS = {
    "report": "usage and exact cost by any attributes",
    "import": "usage events from files, or bills",
    "pull": "bills from vendors, clusters and export jobs, now",
    "explain": "what a total is made of",
    "reprice": "price calls again by the book in force",
    "prices": "the price book: show, diff, update, approve",
    "per-user": "the fully loaded cost per active user of a month",
    "reconcile": "bills beside our estimates: what differs and why",
    "export": "a month as a file for FinOps tools: FOCUS 1.2 or 1.4",
    "close": "close a month with a signed statement, or correct one",
    "erase-user": "replace a user's entry; totals stay",
    "backup": "copy the ledger while it is used",
    "restore": "put a backup in place and catch up",
    "compact": "the daily upkeep, now",
    "refused": "events that were not taken, with the reasons",
}
_MODULES = {"import": "import_", "erase-user": "erase_user", "per-user": "per_user"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands and their options."""
    commands = parser.add_subparsers(dest="costs_command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        module = _module(name)
        one = commands.add_parser(
            name, help=text, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name != "prices":  # its actions have them
            config_argument(one)
            data_dir_argument(one)
        module.add_arguments(one)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    code: int = _module(arguments.costs_command).run(arguments)
    return code


def _module(name: str) -> Any:
    return importlib.import_module(f"stackledger.cli.costs.{_MODULES.get(name, name)}")
