"""Do the ledger's daily upkeep now: delete calls older than costs.keep_days and pack the sums of past days.

Example:
  stackledger costs compact --config stackledger.yaml

The service does the same once a day. No total changes: of deleted calls the sums stay, by every attribute but the user.

"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stackledger.cli.costs.access import ledger, place_of

if TYPE_CHECKING:
    from stackledger.ledger.upkeep.asking import TendReply

_LONGEST_SECONDS = 6 * 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no options of its own."""


def run(arguments: argparse.Namespace) -> int:
    """Ask for it and say what went."""
    from stackledger.ledger.upkeep.asking import TendReply, TendRequest

    with ledger(place_of(arguments)) as ask:
        done: TendReply = ask("tend", TendRequest(), TendReply, _LONGEST_SECONDS)
    print(f"{done.calls:,} calls and {done.refusals:,} refusals deleted; their sums stay.")
    print(f"{done.sums_before:,} rows of sums packed to {done.sums_after:,}.")
    if done.calls_from:
        print(f"Reports by user reach back to {done.calls_from} (UTC).")
    return 0
