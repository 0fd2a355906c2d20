"""Bills beside our estimates: what differs, by how much, and why.

Examples:
  stackledger costs reconcile --config stackledger.yaml --month 2026-10
  stackledger costs reconcile --config stackledger.yaml --from 2026-10-01 --to 2026-10-15 --lines 20
  stackledger costs reconcile --config stackledger.yaml --month 2026-10 --json

Days are UTC, as bills are. Every difference is split into causes that sum to it exactly; what has no known cause is
shown as unexplained. Estimates are never changed by a bill. Where calls name the account that they are billed to, set
costs.bills.account to that attribute; else all accounts of a provider are compared as one. With each line that differs
stands the `costs explain` that takes our side of it apart.

"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stackledger import money
from stackledger.cli import json_argument
from stackledger.cli.costs.access import ledger, place_of
from stackledger.cli.costs.span import add_span, days

if TYPE_CHECKING:
    from stackledger.ledger.reconcile.answers import AccountTold, LineTold, ReconcileReply


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_span(parser, zone=False)
    parser.add_argument("--lines", type=int, default=10, metavar="N", help="the N largest differences; default 10")
    json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    from stackledger.ledger.reconcile.answers import ReconcileReply, ReconcileRequest

    place = place_of(arguments)
    first, last = days(arguments, "UTC")
    settings = place.settings.bills
    with ledger(place) as ask:
        request = ReconcileRequest(first, last, settings.account, settings.settle_days, settings.zones)
        reply: ReconcileReply = ask("reconcile", request, ReconcileReply)
    if arguments.json:
        print(json.dumps(_json(reply, arguments.config), indent=2))
    else:
        print("\n".join(_text(reply, f"{first} to {last}, days of UTC", arguments)))
    return 0


def _json(reply: ReconcileReply, config: str) -> dict[str, Any]:
    """Amounts as exact decimals."""
    from stackledger.ledger.reconcile.answers import coverage
    from stackledger.ledger.reconcile.dispute import explaining
    from stackledger.ledger.statements.facts import converted

    def causes(told: dict[str, str]) -> dict[str, str]:
        return {cause: money.exact(int(amount)) for cause, amount in told.items()}

    return {
        "accounts": [
            {
                "provider": one.provider,
                "account": one.account,
                "status": one.status,
                "estimated_usd": money.exact(int(one.estimated)),
                "billed_usd": money.exact(int(one.billed)),
                "difference_usd": money.exact(int(one.billed) - int(one.estimated)),
                "causes_usd": causes(one.causes),
                "coverage_percent": coverage(one),
                "days_billed": one.days_billed,
                "days_used": one.days_used,
            }
            for one in reply.accounts
        ],
        "lines": [
            {
                "provider": one.provider,
                "account": one.account,
                "first": one.first.isoformat(),
                "last": one.last.isoformat(),
                "model": one.model,
                "unit": one.unit,
                "estimated_units": money.units(int(one.estimated_units), group=""),
                "billed_units": None if one.billed_units is None else money.units(int(one.billed_units), group=""),
                "estimated_usd": money.exact(int(one.estimated)),
                "billed_usd": money.exact(int(one.billed)),
                "difference_usd": money.exact(int(one.billed) - int(one.estimated)),
                "causes_usd": causes(one.causes),
                "explain": explaining(one, config),
            }
            for one in reply.lines
        ],
        "other_currencies": {name: money.exact(int(amount)) for name, amount in reply.other_currencies.items()},
        "converted": converted(reply.converted),
        "lines_for_longer": reply.longer_lines,
        "lines_for_longer_usd": money.exact(int(reply.longer_amount)),
    }


def _text(reply: ReconcileReply, span: str, arguments: argparse.Namespace) -> Iterator[str]:
    from stackledger.ledger.reconcile.answers import differing
    from stackledger.ledger.reconcile.dispute import explaining

    yield f"Bills and estimates in USD, {span}"
    if not reply.accounts:
        yield "There is neither a bill nor a call."
    for one in reply.accounts:
        yield ""
        yield from _account(one)
    lines = differing(reply.lines)
    if lines and arguments.lines > 0:
        most = min(arguments.lines, len(lines))
        yield ""
        yield f"The largest differences ({most} of {len(lines)}), each with the command that shows our calls of it:"
        for line in lines[:most]:
            yield _line(line)
            if command := explaining(line, arguments.config):
                yield f"    {command}"
    for told in reply.converted:
        amounts = f"{money.cents(int(told.amount))} {told.currency} as {money.cents(int(told.usd))} USD"
        yield f"Compared: {amounts}, {told.rate}."
    for name, amount in reply.other_currencies.items():
        yield f"Not compared: {money.cents(int(amount))} {name}, of which costs.rates has no rate that holds."
    if reply.longer_lines:
        yield (
            f"Not compared: {reply.longer_lines} lines of {money.cents(int(reply.longer_amount))} USD, which are for"
            " more days than these: ask for the whole month."
        )


def _account(one: AccountTold) -> Iterator[str]:
    from stackledger.ledger.reconcile.answers import coverage
    from stackledger.ledger.reconcile.values import WORDS, Cause

    name = f"{one.provider} {one.account}".strip()
    share = coverage(one)
    known = "" if share is None else f"; our calls account for {share} % of what is billed for usage"
    yield f"{name}: {one.status}, billed on {one.days_billed} of {one.days_used} days with calls{known}"
    rows = [("Our estimate", int(one.estimated))]
    rows += [(f"  {WORDS[Cause(cause)]}", int(amount)) for cause, amount in one.causes.items()]
    rows.append(("Billed", int(one.billed)))
    for words, amount in rows:
        yield f"  {words:<62} {_signed(amount, sign=words.startswith(' ')):>16}"


def _line(one: LineTold) -> str:
    from stackledger.ledger.reconcile.values import Cause

    day = one.first.isoformat() if one.first == one.last else f"{one.first} to {one.last}"
    causes = ", ".join(
        f"{Cause(cause).replace('_', ' ')} {_signed(int(amount))}" for cause, amount in one.causes.items()
    )
    units = (
        ""
        if one.billed_units is None
        else f" ({money.units(int(one.estimated_units))} ours, {money.units(int(one.billed_units))} billed)"
    )
    what = " ".join(filter(None, (one.provider, one.account, one.model, one.unit)))
    return f"  {day}  {what}{units}: {causes}"


def _signed(amount: int, *, sign: bool = True) -> str:
    """Cents for people; what is below a cent is not shown as nothing."""
    text = money.cents(amount) if not amount or abs(amount) >= money.PICO // 200 else money.exact(amount)
    return f"+{text}" if sign and amount > 0 else text
