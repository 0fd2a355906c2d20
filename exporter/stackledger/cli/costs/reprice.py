"""Price calls again by the price book in force: those without a price, or with --all every one.

Examples:
  stackledger costs reprice --config stackledger.yaml
  stackledger costs reprice --config stackledger.yaml --month 2026-10 --all --cause "list corrected" --dry-run

What was stored stays; what changes is kept as a correction beside it, and every report counts it. A call is priced at
its own time, so a new price changes no call before the day from which it holds.

"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stackledger import money
from stackledger.cli.costs.access import ledger, place_of
from stackledger.cli.costs.span import add_span, days

if TYPE_CHECKING:
    from stackledger.ledger.asking import RepriceReply


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_span(parser)
    parser.add_argument("--all", action="store_true", help="also calls that have a price")
    parser.add_argument("--cause", default="repriced", help="what stands on the correction")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")


def run(arguments: argparse.Namespace) -> int:
    """Ask for it and print what changed."""
    from stackledger.ledger.asking import RepriceReply, RepriceRequest

    place = place_of(arguments)
    zone = arguments.zone or place.settings.zone
    first, last = days(arguments, zone)
    request = RepriceRequest(first, last, zone, not arguments.all, arguments.cause, arguments.dry_run)
    with ledger(place) as ask:
        done: RepriceReply = ask("reprice", request, RepriceReply)
    verb = "would change" if arguments.dry_run else "changed"
    print(
        f"{done.calls:,} calls looked at, {done.changed:,} {verb}, {done.newly_priced:,} of them had no price:"
        f" {money.exact(int(done.difference))} USD with book {done.book}."
    )
    if done.number:
        print(f"Kept as correction {done.number}.")
    return 0
