"""What calls cost, as a file that FinOps tools read: FOCUS 1.2 or 1.4, CSV or Parquet.

Examples:
  stackledger costs export --config stackledger.yaml --focus 1.4 --month 2026-10 --out october.parquet
  stackledger costs export --config stackledger.yaml --focus 1.2 --month 2026-10 --out october.csv --without-users

One line for each day, model, kind of unit, user, team, feature and price; all lines sum to `costs report` exactly.
Amounts have 12 decimals. In a month that was closed, what came or changed since has ChargeClass Correction. Calls
without a known price are on no line; how many there are is told.

"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackledger.cli.costs.access import ledger, place_of
from stackledger.errors import OutputError, QuestionError

if TYPE_CHECKING:
    from stackledger.ledger.focus.answers import FocusLine

_NAMES = {
    "anthropic": "Anthropic", "aws": "AWS", "azure": "Microsoft", "google": "Google Cloud", "mistral": "Mistral AI",
    "openai": "OpenAI", "x-ai": "xAI",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    from stackledger.ledger.focus.columns import VERSIONS

    parser.add_argument("--focus", required=True, choices=VERSIONS, help="the version of the specification")
    parser.add_argument("--month", required=True, metavar="YYYY-MM", help="the month, in the configuration's time zone")
    parser.add_argument("--out", required=True, metavar="FILE", help="what to write: .csv or .parquet")
    parser.add_argument("--without-users", action="store_true", help="leave users out: fewer lines, nobody named")


def run(arguments: argparse.Namespace) -> int:
    """Ask day by day and write."""
    from stackledger.ledger.focus.answers import FocusReply, FocusRequest
    from stackledger.ledger.focus.columns import columns
    from stackledger.ledger.periods import month_named

    out = Path(arguments.out)
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise QuestionError(f"--out {out} is neither .csv nor .parquet: its name tells the format")
    place = place_of(arguments)
    zone = place.settings.zone
    try:
        first, last = month_named(arguments.month)
    except ValueError as error:
        raise QuestionError(f"--month: {error}") from None
    rows: list[dict[str, str]] = []
    unpriced = 0
    with ledger(place) as ask:
        day = first
        while day <= last:
            reply: FocusReply = ask("focus", FocusRequest(day, zone, not arguments.without_users), FocusReply)
            rows += _rows(reply.lines, _times(day, first, last, zone), place.settings.bills.account)
            unpriced += reply.unpriced
            day += timedelta(days=1)
    names = columns(arguments.focus)
    try:
        (_write_csv if out.suffix.lower() == ".csv" else _write_parquet)(out, names, rows)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error
    print(f"{len(rows):,} lines of FOCUS {arguments.focus} in {out}.")
    if unpriced:
        print(
            f"{unpriced:,} calls have no known price and are on no line: `costs report --by model` shows which,"
            " `costs reprice` prices them once it is known.",
            file=sys.stderr,
        )
    return 0


def _times(day: date, first: date, last: date, zone: str) -> dict[str, str]:
    from stackledger.ledger.periods import whole, zone_named

    of_day, of_month = whole(day, day, zone_named(zone)), whole(first, last, zone_named(zone))
    told = {
        "ChargePeriodStart": of_day.from_us,
        "ChargePeriodEnd": of_day.until_us,
        "BillingPeriodStart": of_month.from_us,
        "BillingPeriodEnd": of_month.until_us,
    }
    return {name: datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in told.items()}


def _rows(lines: list[FocusLine], times: dict[str, str], account: str) -> Iterator[dict[str, str]]:
    from stackledger.ledger.charges.names import sender
    from stackledger.ledger.dimensions import Context
    from stackledger.ledger.reconcile.estimates import account_of

    for line in lines:
        context = Context(*line.context)
        vendor = sender(context.provider)
        name = _NAMES.get(vendor, vendor) or "unknown"
        sku = f"{vendor}/{context.model}"
        priced = line.units is not None
        price_id = "/".join(filter(None, (sku, context.region, context.service_tier, line.bucket))) if priced else ""
        cost, units = _decimal(int(line.cost)), "" if line.units is None else _decimal(line.units * 10**12)
        yield {
            **times,
            "BilledCost": cost,
            "EffectiveCost": cost,
            "ContractedCost": cost,
            "ListCost": cost,
            "BillingAccountId": account_of(context, account) or vendor or "unknown",
            "BillingCurrency": "USD",
            "ChargeCategory": "Usage",
            "ChargeClass": "Correction" if line.correction else "",
            "ChargeDescription": f"{context.model}, {line.bucket or 'new price'}".replace("_", " "),
            "ChargeFrequency": "Usage-Based",
            "ConsumedQuantity": units,
            "ConsumedUnit": line.unit,
            "ContractedUnitPrice": "" if line.price is None else _decimal(int(line.price)),
            "InvoiceIssuerName": name,
            "PricingCategory": "Standard" if priced else "",
            "PricingQuantity": units,
            "PricingUnit": line.unit,
            "RegionId": context.region,
            "ServiceCategory": "AI and Machine Learning",
            "ServiceName": f"{name} models",
            "ServiceSubcategory": "Generative AI",
            "ProviderName": name,
            "PublisherName": name,
            "ServiceProviderName": name,
            "HostProviderName": name,
            "SkuId": sku,
            "SkuMeter": line.bucket,
            "SkuPriceId": price_id,
            "Tags": context.tags or "{}",
            "x_ApiKey": context.api_key,
            "x_Environment": context.environment,
            "x_Feature": context.feature,
            "x_PriceBook": line.book,
            "x_ServiceTier": context.service_tier,
            "x_Source": context.source,
            "x_Team": context.team,
            "x_User": line.user,
        }


def _decimal(pico: int) -> str:
    """All 12 decimals, always."""
    sign = "-" if pico < 0 else ""
    whole, part = divmod(abs(pico), 10**12)
    return f"{sign}{whole}.{part:012d}"


def _write_csv(out: Path, names: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    import csv

    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_harmless(name, row.get(name, "")) for name in names] for row in rows)


def _harmless(name: str, text: str) -> str:
    """A caller's own text so that a spreadsheet does not take it for a formula."""
    own = name.startswith("x_") or name in ("ChargeDescription", "RegionId", "BillingAccountId")
    return f"'{text}" if own and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _write_parquet(out: Path, names: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    import duckdb

    from stackledger.ledger.focus.columns import DECIMALS, TIMES

    def kind(name: str) -> str:
        return "DECIMAL(38, 12)" if name in DECIMALS else "TIMESTAMPTZ" if name in TIMES else "VARCHAR"

    data: dict[str, Any] = {name: [row.get(name) or None for row in rows] for name in names}
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(f"CREATE TABLE lines ({', '.join(f'{name} VARCHAR' for name in names)})")
        if rows:
            import numpy as np

            db.register("given", {name: np.array(values, object) for name, values in data.items()})
            db.execute(f"INSERT INTO lines SELECT {', '.join(names)} FROM given")  # noqa: S608 - our own column names
        typed = ", ".join(f"CAST({name} AS {kind(name)}) AS {name}" for name in names)
        try:
            db.execute(f"COPY (SELECT {typed} FROM lines) TO ? (FORMAT parquet)", [str(out)])  # noqa: S608 - as above
        except duckdb.Error as error:
            raise OutputError(f"{out} cannot be written: {error}") from error
