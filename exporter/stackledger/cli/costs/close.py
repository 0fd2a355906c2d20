"""Close a month: a checklist, then a statement that is never changed. Later changes become numbered corrections.

Examples:
  stackledger costs close 2026-10 --config stackledger.yaml --dry-run
  stackledger costs close 2026-10 --config stackledger.yaml --token-file anna.token --accept-unpriced openai/my-model
  stackledger costs close 2026-10 --config stackledger.yaml --token-file anna.token --out statements/

Closed again, a month gets a correction that says what changed since the last statement, from what to what, and why:
calls that came late, new prices, bills restated. Who signs is told by a token of `http.tokens` with a role. A statement
is JSON, CSV, Parquet, a page to be printed, and the hashes of all four; what is missing or was changed in the folder is
written again. Exit code 1 where the checklist does not pass.

"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stackledger.cli.costs.access import ledger, place_of
from stackledger.errors import QuestionError

if TYPE_CHECKING:
    from stackledger.ledger.statements.answers import CloseReply


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("month", metavar="YYYY-MM", help="the month, in the configuration's time zone")
    parser.add_argument("--token-file", metavar="FILE", help="who signs: a token of http.tokens with a role")
    parser.add_argument(
        "--accept-unpriced", action="append", default=[], metavar="PROVIDER/MODEL", help="close without its price"
    )
    parser.add_argument(
        "--accept-bill", action="append", default=[], metavar="PROVIDER[/ACCOUNT]", help="close without its final bill"
    )
    parser.add_argument(
        "--accept-not-compared",
        action="append",
        default=[],
        metavar="CURRENCY",
        help="close though bills have lines in it without a rate; `longer`: lines for more days than the month",
    )
    parser.add_argument("--out", metavar="DIR", help="where the statement is written; default: statements in data_dir")
    parser.add_argument("--dry-run", action="store_true", help="show the checklist, and state nothing")


def run(arguments: argparse.Namespace) -> int:
    """Check, state, write the files."""
    from stackledger.cli.costs.statements import OTHERS, write_missing
    from stackledger.ledger.statements.answers import CloseReply, CloseRequest

    place = place_of(arguments)
    if not arguments.token_file and not arguments.dry_run:
        raise QuestionError("a statement is signed: give --token-file, or --dry-run for the checklist alone")
    person = None if arguments.dry_run else place.person(arguments.token_file)
    bills = place.settings.bills
    request = CloseRequest(
        month=arguments.month,
        zone=place.settings.zone,
        person=person.name if person else "",
        role=person.role if person else "",
        unpriced=tuple(arguments.accept_unpriced),
        bills=tuple(arguments.accept_bill),
        not_compared=tuple(arguments.accept_not_compared),
        tolerance_percent=str(bills.tolerance_percent),
        account=bills.account,
        settle_days=dict(bills.settle_days),
        zones=dict(bills.zones),
        dry=arguments.dry_run,
    )
    with ledger(place) as ask:
        reply: CloseReply = ask("close", request, CloseReply)
    for one in reply.checks:
        print(f"{'ok' if one.passed else 'NO':3} {one.name}" + (f": {one.detail}" if one.detail else ""))
    if not reply.number:
        passed = all(one.passed for one in reply.checks)
        print(f"{arguments.month} can be closed." if passed else f"{arguments.month} stays open.")
        return 0 if passed else 1
    if arguments.dry_run:
        print(f"{arguments.month} is closed with statement {reply.number}.")
        return 0
    folder = Path(arguments.out) if arguments.out else place.data_dir / "statements"
    name = write_missing(folder, reply.all)
    verb = "made" if reply.made else "is the last"
    print(f"Statement {reply.number} of {arguments.month} {verb}: {folder / name}.json, {', '.join(OTHERS)}")
    print(f"SHA-256 of the statement: {reply.sha256}")
    return 0
