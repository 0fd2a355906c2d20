"""Bills from files into the ledger: what `costs import --format focus|bill` does."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stackledger.cli.costs.access import ledger, place_of
from stackledger.errors import QuestionError

if TYPE_CHECKING:
    from stackledger.ledger.charges.answers import DeliverReply

FORMATS = ("focus", "bill")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that only bills have."""
    group = parser.add_argument_group("bills (--format focus or bill)")
    group.add_argument("--source", default="", help="whose deliveries replace one another; default: provider/account")
    group.add_argument(
        "--kind",
        choices=("bill", "infrastructure", "engineering"),
        default="",
        help="what is charged; default: bill, and in FOCUS infrastructure for what is not about models",
    )
    group.add_argument("--add", action="store_true", help="a part of a bill: what came before stays in force")


def run(arguments: argparse.Namespace) -> int:
    """Read all files as one delivery and store it."""
    from stackledger.ledger.charges import focus, plain
    from stackledger.ledger.charges.answers import DeliverReply, DeliverRequest
    from stackledger.ledger.charges.rows import identified, packed

    read = {"focus": focus.charges, "bill": plain.charges}[arguments.format]
    if "-" in arguments.files:
        raise QuestionError("bills are read from files: the format is told by the name (.csv, .csv.gz, .parquet)")
    lines = [one for name in arguments.files for one in read(name, arguments.source, arguments.kind)]
    charges = identified(lines)
    if not charges:
        raise QuestionError("the files hold no line: a bill of nothing is not stored")
    with ledger(place_of(arguments)) as ask:
        request = DeliverRequest([packed(one) for one in charges], arguments.add)
        done: DeliverReply = ask("deliver", request, DeliverReply)
    print(told(len(charges), done))
    unknown = sum(one.category == "usage" and one.kind == "bill" and not one.unit for one in charges)
    if unknown:
        print(f"{unknown:,} lines of usage tell no unit that is known; `costs reconcile` shows them as unexplained.")
    return 0


def told(count: int, done: DeliverReply) -> str:
    """What became of the lines of a delivery."""
    return (
        f"{count:,} lines: {done.added:,} new, {done.unchanged:,} known,"
        f" {done.superseded:,} earlier ones replaced (kept, marked)."
        + (f" Delivery {done.number}." if done.number else " Nothing changed.")
    )
