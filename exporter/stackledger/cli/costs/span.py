"""Options that several commands have: which days, in which zone, and which calls."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import date

from stackledger.errors import QuestionError


def add_span(parser: argparse.ArgumentParser, *, zone: bool = True) -> None:
    """The options of a range of days; those of bills are UTC's."""
    parser.add_argument("--from", dest="first", metavar="DATE", help="first day; default: the first of this month")
    parser.add_argument("--to", dest="last", metavar="DATE", help="last day, included; default: today")
    parser.add_argument("--month", metavar="YYYY-MM", help="a whole month, instead of --from and --to")
    if zone:
        parser.add_argument("--zone", help="IANA time zone of the days; default: the configuration's")


def add_where(parser: argparse.ArgumentParser) -> None:
    """The option that keeps some calls."""
    parser.add_argument(
        "--where", action="append", default=[], metavar="ATTRIBUTE=VALUE", help="only such calls; again for more values"
    )


def days(arguments: argparse.Namespace, zone: str) -> tuple[date, date]:
    """First and last day of the options. Raises QuestionError for what is no date."""
    from stackledger.clock import SystemClock
    from stackledger.ledger.periods import local_date, month_named, zone_named

    if arguments.month and (arguments.first or arguments.last):
        raise QuestionError("give --month, or --from and --to")
    try:
        if arguments.month:
            return month_named(arguments.month)
        today = local_date(round(SystemClock().now() * 1e6), zone_named(zone))
        first = day(arguments.first) if arguments.first else today.replace(day=1)
        last = day(arguments.last) if arguments.last else max(today, first)
    except ValueError as error:
        raise QuestionError(str(error)) from None
    return first, last


def day(text: str) -> date:
    """A day. Raises QuestionError for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise QuestionError(f"{text!r} is not a date: write YYYY-MM-DD") from None


def where(conditions: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Values by attribute. Raises QuestionError for what is no condition."""
    found: dict[str, tuple[str, ...]] = {}
    for condition in conditions:
        name, sign, value = condition.partition("=")
        if not sign:
            raise QuestionError(f"--where {condition!r} is not ATTRIBUTE=VALUE")
        found[name.strip()] = (*found.get(name.strip(), ()), value)
    return found
