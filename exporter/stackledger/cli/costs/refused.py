"""The latest events that were not taken, with the reasons and remedies.

Example:
  stackledger costs refused --config stackledger.yaml --limit 20

"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

import msgspec

from stackledger.cli import json_argument
from stackledger.cli.costs.access import ledger, place_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="how many; default 100")
    json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    from stackledger.ledger.asking import Refusals, RefusedLine

    with ledger(place_of(arguments)) as ask:
        lines: list[RefusedLine] = ask("refusals", Refusals(arguments.limit), list[RefusedLine])
    if arguments.json:
        print(json.dumps([msgspec.structs.asdict(line) for line in lines], indent=2))
        return 0
    for line in lines:
        when = datetime.fromtimestamp(line.received_us / 1e6, UTC).isoformat(timespec="seconds")
        print(f"{when}  {line.source or '-'}  {line.id or '-'}  {line.reason}: {line.detail}")
    print(f"{len(lines)} refused event{'s' * (len(lines) != 1)}.")
    return 0
