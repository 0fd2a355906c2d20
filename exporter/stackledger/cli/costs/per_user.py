"""The fully loaded cost per active user of a month: by part, with its definition, and what keeps it from being known.

Examples:
  stackledger costs per-user --config stackledger.yaml --month 2026-10
  stackledger costs per-user --config stackledger.yaml --month 2026-10 --by-user --csv
  stackledger costs per-user --config stackledger.yaml --json

The section costs.per_user defines it; the definition stands beside every result. Without --month it is the last month
that is over. Exit code 3 where the value is UNKNOWN; the reasons are told.

"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stackledger import money
from stackledger.cli.costs.access import ledger, place_of

if TYPE_CHECKING:
    from stackledger.ledger.per_user.values import PartTold, PerUserReply, UserRow

_UNKNOWN = 3
_SHOWN = 50
SILENT = "(active users without a call)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--month", metavar="YYYY-MM", help="default: the last month that is over")
    parser.add_argument("--by-user", action="store_true", help="what each user costs, attributed and allocated")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON for a program")
    form.add_argument("--csv", action="store_true", help="print CSV")


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    from stackledger.ledger.per_user.values import PerUserReply, PerUserRequest

    place = place_of(arguments)
    month = arguments.month or _last_month(place.settings.zone)
    with ledger(place) as ask:
        reply: PerUserReply = ask("per_user", PerUserRequest(month, arguments.by_user), PerUserReply)
    if arguments.json:
        print(json.dumps(_json(reply), indent=2))
    elif arguments.csv:
        _write_csv(reply, by_user=arguments.by_user)
    else:
        print("\n".join(_text(reply)))
    return 0 if reply.known else _UNKNOWN


def _last_month(zone: str) -> str:
    from stackledger.clock import SystemClock
    from stackledger.ledger.periods import local_date, zone_named

    today = local_date(round(SystemClock().now() * 1e6), zone_named(zone))
    return f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"


def _json(reply: PerUserReply) -> dict[str, Any]:
    """Amounts as exact decimals; what is not known is null."""
    from stackledger.ledger.per_user.facts import exact, facts_of

    users = [
        {
            "user": one.name or SILENT,
            "users": one.users,
            "calls": one.calls,
            **{f"{part}_usd": exact(amount) for part, amount in one.parts.items()},
            "cost_usd": exact(one.total),
        }
        for one in reply.rows
    ]
    return facts_of(reply) | ({"users": users} if users else {})


def _write_csv(reply: PerUserReply, *, by_user: bool) -> None:
    """Every line with the definition, so that no number leaves without it. What is not known is an empty cell."""
    from stackledger.cli.costs.report import harmless
    from stackledger.ledger.per_user.facts import amounts_of, exact

    writer = csv.writer(sys.stdout, lineterminator="\n")
    tail = [" ".join(reply.definition), "; ".join(one.words for one in reply.reasons)]
    if by_user:
        parts = [one.part for one in reply.parts]
        writer.writerow(
            ["month", "user", "users", "calls", *(f"{part}_usd" for part in parts), "cost_usd", "definition", "unknown"]
        )
        if not reply.known:  # the month, and why nothing is known of it
            writer.writerow([reply.month, *[""] * (len(parts) + 4), *map(harmless, tail)])
        for row in reply.rows:
            costs = [exact(row.parts[part]) for part in parts]
            name = harmless(row.name or SILENT)
            writer.writerow([reply.month, name, row.users, row.calls, *costs, exact(row.total), *map(harmless, tail)])
        return
    heads = list(amounts_of(reply.parts[0])) if reply.parts else []
    writer.writerow(["month", "part", "active_users", *heads, "definition", "unknown"])
    for one in reply.parts:
        writer.writerow([reply.month, one.part, reply.users, *amounts_of(one).values(), *map(harmless, tail)])
    totals = (reply.total, reply.per_user, reply.per_request, reply.per_thousand_tokens) if reply.parts else ()
    writer.writerow([reply.month, "all", reply.users, *map(exact, totals), *map(harmless, tail)])


def _text(reply: PerUserReply) -> Iterator[str]:
    from stackledger.ledger.per_user.definition import PART_WORDS

    users = "unknown" if reply.users is None else f"{reply.users:,}"
    if reply.known:
        many = "1 active user" if reply.users == 1 else f"{users} active users"
        yield f"Cost per active user in {reply.month}: {_cents(reply.per_user)} USD ({many})"
    else:
        yield f"Cost per active user in {reply.month}: UNKNOWN"
        yield from (f"  {one.words}" for one in reply.reasons)
    if reply.target is not None and reply.per_user is not None:
        above = int(reply.per_user) > int(reply.target)
        yield f"{'Above' if above else 'Within'} the target of {_cents(reply.target)} USD."
    yield ""
    yield f"{'USD':<52}{'month':>14}{'user':>12}{'request':>12}{'1K tokens':>12}"
    rows = [(PART_WORDS[one.part], one.amount, *list(_shown(one))) for one in reply.parts]
    rows.append(("All", reply.total, reply.per_user, reply.per_request, reply.per_thousand_tokens))
    for name, amount, *each in rows:
        cells = [f"{_cents(value):>12}" for value in each]
        yield f"{name:<52}{_cents(amount):>14}{''.join(cells)}".rstrip()
    if reply.provisional:
        yield "Provisional: the month so far."
    if reply.users_told:
        yield f"Active users: {users} ({reply.users_told}). Calls: {reply.calls:,}. Tokens: {reply.tokens:,}."
    yield from (f"Note: {one}" for one in reply.notes)
    yield from _sources(reply)
    yield from _users(reply.rows)
    yield from ["", "Definition", *(f"  {one}" for one in reply.definition)] if reply.definition else ()


def _shown(one: PartTold) -> tuple[str | None, ...]:
    return one.per_user, one.per_request, one.per_thousand_tokens


def _sources(reply: PerUserReply) -> Iterator[str]:
    if reply.sources:
        yield from ("", "Charges")
    for one in reply.sources:
        told = f"{_cents(one.amount)} {one.currency}"
        if one.currency != money.USD:
            told += f" = {_cents(one.usd)} USD" + (f" at {', '.join(one.rates)}" if one.rates else "")
        yield f"  {one.kind} {one.source}: {told}, {one.status}"


def _users(rows: list[UserRow]) -> Iterator[str]:
    from stackledger.ledger.per_user.definition import Part

    if not rows:
        return
    yield from ("", f"{'User':<40}{'calls':>10}{'attributed':>14}{'allocated':>14}{'all':>14}")
    for one in rows[:_SHOWN]:
        attributed = int(one.parts[Part.LLM_ATTRIBUTED])
        name = one.name or f"{SILENT}: {one.users:,}"
        cells = (_cents(str(attributed)), _cents(str(int(one.total) - attributed)), _cents(one.total))
        yield f"{name:<40}{one.calls:>10,}" + "".join(f"{cell:>14}" for cell in cells)
    if len(rows) > _SHOWN:
        yield f"... and {len(rows) - _SHOWN:,} more: --csv or --json prints all."


def _cents(pico: str | None) -> str:
    """Cents for people, what is below a cent exactly, and "unknown" for what nobody knows."""
    if pico is None:
        return "unknown"
    amount = int(pico)
    return money.cents(amount) if not amount or abs(amount) >= money.PICO // 100 else f"{money.to_float(amount):.2g}"
