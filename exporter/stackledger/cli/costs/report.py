"""Usage and exact cost by any attributes and days.

Examples:
  stackledger costs report --config stackledger.yaml --by user,model --from 2026-10-01 --to 2026-10-31
  stackledger costs report --config stackledger.yaml --by team,tag.customer --month 2026-10 --csv
  stackledger costs report --config stackledger.yaml --by day --where user=alice --json

Attributes: user team feature model provider environment source api_key region service_tier, tag.NAME, and day or month.
Both days are included; they are days of --zone, by default the configuration's. Calls without a known price are
counted as unpriced and are in no sum.

"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from stackledger import money
from stackledger.cli.costs.access import ledger, place_of
from stackledger.cli.costs.span import add_span, add_where, days, where

if TYPE_CHECKING:
    from stackledger.ledger.asking import ReportReply


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--by", default="", metavar="ATTRIBUTE,...", help="one line for each of their values")
    add_span(parser)
    add_where(parser)
    parser.add_argument("--top", type=int, metavar="N", help="the N lines that cost most, and one for all others")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON for a program")
    form.add_argument("--csv", action="store_true", help="print CSV")
    form.add_argument("--parquet", metavar="FILE", help="write Parquet to FILE")


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    from stackledger.ledger.asking import ReportReply, ReportRequest

    place = place_of(arguments)
    zone = arguments.zone or place.settings.zone
    first, last = days(arguments, zone)
    by = tuple(name.strip() for name in arguments.by.split(",") if name.strip())
    request = ReportRequest(by, first, last, zone, where(arguments.where))
    with ledger(place) as ask:
        reply: ReportReply = ask("report", request, ReportReply)
    rows = _rows(by, reply, arguments.top)
    if arguments.json:
        print(json.dumps(rows, indent=2))
    elif arguments.csv:
        _write_csv(rows, by, reply.buckets)
    elif arguments.parquet:
        from stackledger.cli.costs.parquet import write

        write(arguments.parquet, rows, by)
        print(f"{len(rows)} lines in {arguments.parquet}")
    else:
        print("\n".join(_table(rows, by, f"{first} to {last}, days of {zone}")))
    return 0


def _rows(by: Sequence[str], reply: ReportReply, top: int | None) -> list[dict[str, Any]]:
    lines = reply.lines
    rows: list[dict[str, Any]] = [
        dict(zip(by, line.keys, strict=True))
        | {
            "events": line.events,
            "tokens": {name: count for name, count in zip(reply.buckets, line.usage, strict=True) if count},
            "cost_usd": _cost(line.events, line.unpriced, int(line.cost)),
            "unpriced_events": line.unpriced,
        }
        for line in (lines if top is None else lines[:top])
    ]
    if top is not None and len(lines) > top:
        rest = lines[top:]
        counts = [sum(column) for column in zip(*(line.usage for line in rest), strict=True)]
        others: dict[str, Any] = dict.fromkeys(by, "(all others)")
        rows.append(
            others
            | {
                "events": sum(line.events for line in rest),
                "tokens": {name: count for name, count in zip(reply.buckets, counts, strict=True) if count},
                "cost_usd": _cost(
                    sum(line.events for line in rest),
                    sum(line.unpriced for line in rest),
                    sum(int(line.cost) for line in rest),
                ),
                "unpriced_events": sum(line.unpriced for line in rest),
            }
        )
    return rows


def _cost(events: int, unpriced: int, cost: int) -> str | None:
    """The exact cost; None where no call has a known price: unknown is never 0."""
    return None if events and unpriced == events and not cost else money.exact(cost)


def _write_csv(rows: Sequence[dict[str, Any]], by: Sequence[str], buckets: Sequence[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*by, "events", *buckets, "cost_usd", "unpriced_events"])
    for row in rows:
        counts = [row["tokens"].get(name, 0) for name in buckets]
        keys = [harmless(row[name]) for name in by]
        writer.writerow([*keys, row["events"], *counts, row["cost_usd"], row["unpriced_events"]])


def harmless(text: str) -> str:
    """A name that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _table(rows: Sequence[dict[str, Any]], by: Sequence[str], span: str) -> Iterable[str]:
    from stackledger.ledger.buckets import TOKENS

    heads = [*by, "calls", "tokens", "cost USD", "unpriced"]
    body = [
        [
            *(row[name] or "-" for name in by),
            f"{row['events']:,}",
            f"{sum(count for name, count in row['tokens'].items() if name in TOKENS):,}",
            "unknown" if row["cost_usd"] is None else money.cents(money.parse(row["cost_usd"])),
            f"{row['unpriced_events']:,}" if row["unpriced_events"] else "",
        ]
        for row in rows
    ]
    total = money.cents(sum(money.parse(row["cost_usd"] or "0") for row in rows))
    yield f"Cost of calls, {span}"
    widths = [max(len(line[place]) for line in [heads, *body]) for place in range(len(heads))]
    for line in [heads, *body]:
        cells = [
            text.ljust(width) if place < len(by) else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    yield f"Total {total} USD."
    unpriced = sum(row["unpriced_events"] for row in rows)
    if unpriced:
        calls = f"{unpriced:,} call has" if unpriced == 1 else f"{unpriced:,} calls have"
        yield f"{calls} no known price and stand in no sum: `costs report --by model` shows which."
