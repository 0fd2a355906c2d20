"""Erase a user: the ledger's entry is replaced by a number, every total stays as it is.

Example:
  stackledger costs erase-user --config stackledger.yaml alice

Name the user as the application does, also where the ledger keeps hashes. The id leaves the ledger, the inbox with what
waits in it, and the reservations; a later event of the same user begins anew. Out of reach are backups, exports, topics
in Kafka, and ids that were put into tags or event ids. After restoring an older backup erase again.

"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stackledger.cli.costs.access import ledger, place_of

if TYPE_CHECKING:
    from stackledger.ledger.upkeep.asking import EraseReply

_LONGEST_SECONDS = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("user", metavar="ID", help="the user's id")


def run(arguments: argparse.Namespace) -> int:
    """Ask for it and say what stands in the user's place; exit code 1 when nothing of the user was found."""
    from stackledger.ledger.upkeep.asking import EraseReply, EraseRequest

    with ledger(place_of(arguments)) as ask:
        done: EraseReply = ask("erase", EraseRequest(arguments.user), EraseReply, _LONGEST_SECONDS)
    found = bool(done.names or done.batches or done.reservations)
    if not found:
        print("Nothing of this user was found.")
        return 1
    print(f"Erased. In the ledger: {', '.join(done.names) or 'no entry'}; totals are as they were.")
    print(f"Cleared in {done.batches:,} batches of the inbox and {done.reservations:,} reservations.")
    print("Backups and exports from before still hold the id.")
    return 0
