"""What a total is made of: rates, units, corrections, and the calls that cost most. For a bill that is disputed.

Examples:
  stackledger costs explain --config stackledger.yaml --month 2026-10 --where user=alice
  stackledger costs explain --config stackledger.yaml --from 2026-10-14 --to 2026-10-14 --where model=gpt-5 --json

Every line is units times a rate, and all lines sum to the total exactly. Where the ledger keeps users as hashes, name
the user as the application does.

"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stackledger import money
from stackledger.cli import json_argument
from stackledger.cli.costs.access import ledger, place_of
from stackledger.cli.costs.span import add_span, add_where, days, where

if TYPE_CHECKING:
    from stackledger.ledger.explain import Explanation, UsedRate

_MILLION = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    add_span(parser)
    add_where(parser)
    parser.add_argument("--examples", type=int, default=10, metavar="N", help="calls to show; default 10")
    json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    from stackledger.ledger.asking import ExplainRequest
    from stackledger.ledger.explain import Explanation

    place = place_of(arguments)
    zone = arguments.zone or place.settings.zone
    first, last = days(arguments, zone)
    request = ExplainRequest(first, last, zone, where(arguments.where), arguments.examples)
    with ledger(place) as ask:
        told: Explanation = ask("explain", request, Explanation)
    if arguments.json:
        print(json.dumps(asdict(told), indent=2))
    else:
        print("\n".join(_text(told, f"{first} to {last}, days of {zone}")))
    return 0


def _text(told: Explanation, span: str) -> Iterator[str]:
    yield f"{money.exact(told.cost)} USD for {told.calls:,} calls, {span}"
    for rate in told.rates:
        yield from _rate(rate)
    for one in told.corrections:
        made = datetime.fromtimestamp(one.made_us / 1e6, UTC).date()
        yield (
            f"correction {one.number} of {made} ({one.cause}): {one.calls:,} calls, from {money.exact(one.before)}"
            f" to {money.exact(one.after)}, {money.exact(one.after - one.before)} USD"
        )
    if told.unpriced:
        yield f"{told.unpriced:,} of the calls have no known price; they are in no sum."
    if told.examples:
        yield ""
        yield "The calls that cost most:"
    for call in told.examples:
        when = datetime.fromtimestamp(call.ts_us / 1e6, UTC).isoformat(timespec="seconds")
        units = ", ".join(f"{count:,} {bucket}" for bucket, count in call.usage.items() if bucket != "requests")
        cost = "unknown" if call.cost is None else f"{money.exact(call.cost)} USD"
        yield f"  {when}  {call.source or '-'}  {call.id}  {call.user or '-'}  {call.provider}/{call.model}"
        yield f"    {units}: {cost}"


def _rate(rate: UsedRate) -> Iterator[str]:
    if rate.unpriced:
        yield f"{rate.calls:,} calls without a price: {rate.unpriced}"
        return
    yield f"{money.exact(rate.cost)} USD: {rate.calls:,} calls of {rate.line}, {rate.basis} (book {rate.book})"
    for part in rate.parts:
        if part.cost:
            each = money.exact(part.pico_usd * _MILLION)
            yield f"  {part.units:>15,} {part.bucket} x {each} USD a million = {money.exact(part.cost)} USD"
