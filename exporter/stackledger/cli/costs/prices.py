"""The price book: what is in force, what an update would change, and who approved it.

Examples:
  stackledger costs prices show    --config stackledger.yaml
  stackledger costs prices diff    --config stackledger.yaml                    the installed price data against it
  stackledger costs prices update  --config stackledger.yaml --token-file anna.token --effective 2026-12-01
  stackledger costs prices approve --config stackledger.yaml --token-file ben.token
  stackledger costs prices compare --config stackledger.yaml litellm-prices.json

An update that moves a price by more than `costs.prices.approval_above_percent`, or loses a model, waits until somebody
else approves it; so does every correction of the past. Who somebody is says a token of `http.tokens`, with its name
and role. Exit code 1 where something waits or differs.

"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stackledger import money
from stackledger.cli import config_argument
from stackledger.cli.costs.access import Place, data_dir_argument, ledger, place_of
from stackledger.errors import OutputError, QuestionError

if TYPE_CHECKING:
    from stackledger.domains.cost.opening import PriceSource
    from stackledger.ledger.prices.book import PriceBook
    from stackledger.ledger.prices.history import Entry, History, Pending
    from stackledger.ledger.prices.update import Change

_SHOWN = 40
_PRICES_SHOWN = 3
_MILLION = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("show", "the book in force and the history of books"),
        ("diff", "what a new book would change, and what this month would cost with it"),
        ("update", "put a new book in force, or let it wait for approval"),
        ("approve", "put the waiting book in force"),
        ("withdraw", "drop the waiting book"),
        ("compare", "where a second source disagrees"),
    ):
        one = actions.add_parser(name, help=text)
        config_argument(one)
        data_dir_argument(one)
        if name in ("diff", "update"):
            one.add_argument("--book", metavar="FILE", help="a book in our format; default: the installed price data")
            one.add_argument("--effective", metavar="DATE", help="first day (UTC) of the new prices; default: now")
        if name == "update":
            one.add_argument("--correction", action="store_true", help="the day may be past: calls are priced again")
        if name in ("update", "approve"):
            one.add_argument("--token-file", required=True, metavar="FILE", help="who asks: a token of http.tokens")
        if name == "compare":
            one.add_argument("file", metavar="FILE", help="LiteLLM's price map")


def run(arguments: argparse.Namespace) -> int:
    """Do the action."""
    from stackledger.clock import SystemClock
    from stackledger.domains.cost.opening import PriceSource

    place, clock = place_of(arguments), SystemClock()
    source = PriceSource(place.settings, place.data_dir, clock)
    source.current()  # the first time, the book that came with the program is put in force
    history = source.history
    if arguments.action == "show":
        print("\n".join(_shown(history)))
        return 1 if history.pending() is not None else 0
    if arguments.action == "withdraw":
        print(f"Dropped what {history.withdraw().requester} asked for.")
        return 0
    if arguments.action == "approve":
        person = place.person(arguments.token_file)
        print(_in_force(history.approve(person.name, person.role)))
        return 0
    if arguments.action == "compare":
        return _compare(source, arguments.file, round(clock.now() * 1e6))
    candidate = _candidate(arguments.book, datetime.fromtimestamp(clock.now(), UTC).date())
    effective = _effective(arguments.effective)
    if arguments.action == "diff":
        return _diff(place, history, candidate, effective or round(clock.now() * 1e6))
    person = place.person(arguments.token_file)
    done = history.propose(
        candidate,
        person.name,
        effective_us=effective,
        correction=arguments.correction,
        limit=place.settings.prices.approval_share(),
    )
    return _proposed(done)


def _proposed(done: Entry | Pending) -> int:
    from stackledger.ledger.prices.history import Pending

    if isinstance(done, Pending):
        print("\n".join(_changes(done.reasons)))
        print("Waits for approval by somebody else: `stackledger costs prices approve --token-file ...`.")
        return 1
    print(_in_force(done))
    return 0


def _in_force(entry: Entry) -> str:
    since = "" if entry.effective_us is None else f" for calls from {_when(entry.effective_us)} on"
    approved = f", approved by {entry.approver} ({entry.role})" if entry.approver else ""
    return f"Book {entry.version} ({entry.source}) is in force{since}, asked for by {entry.requester}{approved}."


def _shown(history: History) -> Iterator[str]:
    book = history.in_force()
    if book is not None:
        yield f"Book {book.version} ({book.source}), prices as of {book.as_of}, {len(book.lines):,} lines."
        yield from (f"  note: {note}" for note in book.notes)
    for entry in history.entries():
        yield _in_force(entry)
    pending = history.pending()
    if pending is not None:
        yield f"Waits, asked for by {pending.requester} on {_when(pending.requested_us)}:"
        yield from _changes(pending.reasons)


def _candidate(file: str | None, today: date) -> PriceBook:
    if file is not None:
        from stackledger.ledger.prices.book import load_book

        return load_book(Path(file))
    from stackledger.ledger.prices.compile import compile_book

    return compile_book(today)


def _effective(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise QuestionError(f"--effective {text!r} is not a date: write YYYY-MM-DD") from None
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1e6)


def _diff(place: Place, history: History, candidate: PriceBook, at_us: int) -> int:
    from stackledger.ledger.asking import CompareReply, CompareRequest
    from stackledger.ledger.prices.book import save_book
    from stackledger.ledger.prices.splice import splice
    from stackledger.ledger.prices.update import diff, needs_approval

    current = history.in_force()
    if current is None:
        raise OutputError("there is no price book in force")
    changes = diff(current, candidate, at_us)
    print("\n".join(("USD for a million units:", *_changes(changes))) if changes else "Nothing changes.")
    waits = needs_approval(changes, place.settings.prices.approval_share())
    if waits:
        print(f"{len(waits)} of the changes need approval.")
    path = place.data_dir / "prices" / "candidate.json"
    save_book(splice(current, candidate, at_us), path)
    with ledger(place) as ask:
        told: CompareReply = ask("compare", CompareRequest(str(path)), CompareReply)
    for one in told.lines[:_SHOWN]:
        before, after = int(one.before), int(one.after)
        print(
            f"  {one.provider}/{one.model}: {one.calls:,} calls, {money.exact(before)} -> {money.exact(after)} USD"
            + (f", {one.unpriced_before:,} -> {one.unpriced_after:,} unpriced" if one.unpriced_before else "")
        )
    print(f"This month so far: {money.exact(int(told.before))} USD now, {money.exact(int(told.after))} USD with it.")
    return 1 if waits else 0


def _changes(changes: Sequence[Change]) -> Iterator[str]:
    """A line for each price list: which prices move, the first of them in full."""
    by_line: dict[str, list[Change]] = {}
    for change in changes:
        name = " ".join(filter(None, (f"{change.provider}/{change.model}", change.region, change.service_tier)))
        by_line.setdefault(f"{change.kind}: {name}", []).append(change)
    for name, moved in list(by_line.items())[:_SHOWN]:
        prices = [_moved(change) for change in moved if change.bucket]
        more = f", and {len(prices) - _PRICES_SHOWN} more prices" if len(prices) > _PRICES_SHOWN else ""
        yield f"  {name}" + (f": {', '.join(prices[:_PRICES_SHOWN])}{more}" if prices else "")
    if len(by_line) > _SHOWN:
        yield f"  ... and {len(by_line) - _SHOWN} more price lists"


def _moved(change: Change) -> str:
    old, new = ("unknown" if one is None else _per_million(one) for one in (change.old, change.new))
    share = "" if change.share is None else f" ({float(change.share):+.1%})"
    return f"{change.bucket} {old} -> {new}{share}"


def _per_million(pico: int) -> str:
    """USD for a million units: how price lists tell tokens."""
    return money.exact(pico * _MILLION)


def _compare(source: PriceSource, file: str, now_us: int) -> int:
    from stackledger.ledger.prices.compare import disagreements

    found = disagreements(source.current(), Path(file), now_us)
    for one in found[:_SHOWN]:
        ours = "unknown" if one.ours is None else _per_million(one.ours)
        above = f" above {one.above_input_tokens:,} tokens" if one.above_input_tokens else ""
        name = " ".join(filter(None, (f"{one.provider}/{one.model}", one.service_tier)))
        print(f"  {name}{above}, {one.bucket}: ours {ours}, theirs {_per_million(one.theirs)} USD a million")
    print(f"{len(found):,} prices differ.")
    return 1 if found else 0


def _when(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
