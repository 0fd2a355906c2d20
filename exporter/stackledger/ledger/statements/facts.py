"""What a statement says: plain values with exact decimals, as JSON whose hash is kept, and as a table."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stackledger import money
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.charges.charge import Charge, Kind
from stackledger.ledger.charges.store import charges_between
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pages import contexts
from stackledger.ledger.periods import Period
from stackledger.ledger.reconcile.cells import days_of
from stackledger.ledger.reconcile.currencies import Converted
from stackledger.ledger.reconcile.values import AccountSum, Reconciliation
from stackledger.ledger.rows import DAY_US
from stackledger.ledger.used import Close, Used, used

Facts = dict[str, Any]


def estimate(engine: Engine, month: Period, close: Close) -> Facts:
    """Our side: totals, and lines by provider, model and team."""
    rows = used(engine, [(month.from_us, month.until_us)], close=close)
    known = contexts(engine, sorted({one.context for one in rows})) if rows else {}
    groups: dict[tuple[str, str, str], list[Used]] = defaultdict(list)
    for one in rows:
        context = known[one.context]
        groups[context.provider, context.model, context.team].append(one)
    lines = [
        {
            "provider": provider,
            "model": model,
            "team": team,
            "calls": sum(one.calls for one in of_group),
            "unpriced_calls": sum(one.calls for one in of_group if one.cost is None),
            "units": _units(of_group),
            "estimated_usd": _known(of_group),
        }
        for (provider, model, team), of_group in sorted(groups.items())
    ]
    return {
        "calls": sum(one.calls for one in rows),
        "unpriced_calls": sum(one.calls for one in rows if one.cost is None),
        "estimated_usd": money.exact(sum(one.cost or 0 for one in rows)),
        "lines": lines,
        "rates": _rates(engine, sorted({one.rate for one in rows})),
    }


def _known(rows: Sequence[Used]) -> str | None:
    """What they cost; None where no call of them has a price, because that is unknown and not 0."""
    costs = [one.cost for one in rows if one.cost is not None]
    return money.exact(sum(costs)) if costs else None


def _units(rows: Sequence[Used]) -> dict[str, int]:
    sums = [sum(column) for column in zip(*(one.units for one in rows), strict=True)]
    return {name: count for name, count in zip(BUCKETS, sums, strict=True) if count}


def _rates(engine: Engine, numbers: Sequence[int]) -> list[Facts]:
    if not numbers:
        return []
    marks = ", ".join("?" for _ in numbers)
    rows = engine.query(f"SELECT book, facts FROM rate WHERE id IN ({marks}) ORDER BY book, facts", list(numbers))
    return [{"book": book, **json.loads(facts)} for book, facts in rows]


def bill_sums(engine: Engine, first_day: int, until_day: int, as_of: int) -> dict[tuple[str, str, str], int]:
    """What is charged for the days, by kind, source and currency, as it was after a delivery."""
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for kind in Kind:
        for one in charges_between(engine, kind, (first_day - 1) * DAY_US, (until_day + 1) * DAY_US, as_of=as_of):
            if _within(one.charge, first_day, until_day):
                found[str(kind), one.charge.source, one.charge.currency] += one.charge.billed
    return dict(found)


def _within(charge: Charge, first_day: int, until_day: int) -> bool:
    first, until = days_of(charge)
    return first >= first_day and until <= until_day


def bills(sums: Mapping[tuple[str, str, str], int]) -> list[Facts]:
    """The same as plain values."""
    return [
        {"kind": kind, "source": source, "currency": currency, "billed": money.exact(amount)}
        for (kind, source, currency), amount in sorted(sums.items())
    ]


def accounts(found: Sequence[AccountSum]) -> list[Facts]:
    """Bills beside estimates."""
    return [
        {
            "provider": one.provider,
            "account": one.account,
            "status": one.status,
            "estimated_usd": money.exact(one.estimated),
            "billed_usd": money.exact(one.billed),
            "causes_usd": {str(cause): money.exact(amount) for cause, amount in sorted(one.causes.items()) if amount},
        }
        for one in found
    ]


def converted(found: Sequence[Converted]) -> list[Facts]:
    """What was compared in USD, with the rates."""
    return [
        {
            "currency": one.currency,
            "rate": one.rate,
            "amount": money.exact(int(one.amount)),
            "usd": money.exact(int(one.usd)),
        }
        for one in found
    ]


def not_compared(found: Reconciliation) -> Facts:
    """Lines of bills that are in no comparison; those for more days than the month are in no sum of bills either."""
    return {
        "lines_for_longer": found.longer_lines,
        "lines_for_longer_usd": money.exact(found.longer_amount),
        "other_currencies": {name: money.exact(amount) for name, amount in sorted(found.other_currencies.items())},
    }


def encoded(facts: Facts) -> tuple[str, str]:
    """JSON, the same for the same facts, and its SHA-256."""
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return text, hashlib.sha256(text.encode()).hexdigest()


class Table(NamedTuple):
    """A statement's lines: the names of the columns, and rows of text. `numbers` and `amounts` are their places.

    An amount that is not known is empty.
    """

    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: frozenset[int]
    amounts: frozenset[int]


def lines(facts: Facts) -> Table:
    """What a statement comes to, line by line; of a correction, what it changes."""
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    if facts["number"] != 1:
        heads = ("side", "source", "currency", "before", "after", "difference", "cause")
        rows = [tuple(one[name] for name in heads) for one in facts["changes"]]
        return Table(heads, rows, frozenset(), frozenset({3, 4, 5}))
    heads = ("side", "provider or source", "model", "team", "calls", "unpriced calls", "currency", "amount")
    rows = [
        ("estimate", one["provider"], one["model"], one["team"], str(one["calls"]), str(one["unpriced_calls"]),
         money.USD, one["estimated_usd"] or "")
        for one in facts["estimate"]["lines"]
    ]  # fmt: skip
    rows += [
        (one["kind"], one["source"], "", "", "", "", one["currency"], one["billed"]) for one in facts["bills"]
    ]  # fmt: skip
    return Table(heads, rows, frozenset({4, 5}), frozenset({7}))


def table(facts: Facts) -> str:
    """The statement's lines as CSV, for people and spreadsheets."""
    told = lines(facts)
    figures = told.numbers | told.amounts
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(told.heads)
    for row in told.rows:
        writer.writerow([text if place in figures else _harmless(text) for place, text in enumerate(row)])
    return out.getvalue()


def _harmless(text: str) -> str:
    """A name that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
