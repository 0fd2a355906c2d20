"""Usage events from files into the inbox, from where they are priced and kept; or bills.

Examples:
  stackledger costs import --config stackledger.yaml usage.ndjson
  stackledger costs import --config stackledger.yaml --format litellm spend_logs.jsonl
  zcat usage.ndjson.gz | stackledger costs import --config stackledger.yaml -
  stackledger costs import --config stackledger.yaml --format focus october-1.parquet october-2.parquet
  stackledger costs import --config stackledger.yaml --format bill --kind engineering wages.csv
  stackledger costs import --config stackledger.yaml --format users active-users.csv

Formats: usage (the events of POST /api/v1/usage, JSON or NDJSON), csv (the same as columns), litellm, langfuse. A file
may be imported again: an event that is known is not counted twice. Exit code 1 when any event was refused.

Active users: users (CSV: month as YYYY-MM, users), for costs.per_user; a month that is told again replaces what was
told before, which is kept.

Bills: focus (FOCUS 1.0 to 1.4) and bill (CSV: provider, amount, day or from and to; account, model, unit, sku,
quantity, currency, list_amount, category, period, invoice, corrects), as .csv, .csv.gz or .parquet. All files of one
command are one delivery: for each source and billing period in it, it replaces the delivery before, which is kept.

"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from stackledger.cli.costs import bills, user_counts
from stackledger.cli.costs.access import ledger, place_of
from stackledger.errors import OutputError, QuestionError

if TYPE_CHECKING:
    from stackledger.ledger.intake.result import Taken

_USERS = "users"
_FORMATS = ("usage", "csv", "litellm", "langfuse", *bills.FORMATS, _USERS)
_PIECE_BYTES = 4 << 20
_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="files to read; - is standard input")
    parser.add_argument("--format", choices=_FORMATS, help="default: csv for *.csv, else usage")
    bills.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the files, keep what is in them, and apply it unless a service does."""
    if arguments.format in bills.FORMATS:
        return bills.run(arguments)
    if arguments.format == _USERS:
        return user_counts.run(arguments)
    from stackledger.clock import SystemClock
    from stackledger.domains.cost.opening import inbox_path
    from stackledger.ledger.inbox import Inbox
    from stackledger.ledger.intake.admission import admitted, kept_body

    place, clock = place_of(arguments), SystemClock()
    reasons: Counter[str] = Counter()
    shown = 0
    accepted = 0
    with contextlib.closing(Inbox(inbox_path(place.data_dir))) as inbox:
        for name in arguments.files:
            for offset, taken in _takings(name, arguments.format):
                taken = admitted(taken, clock.now())  # noqa: PLW2901 - the same, checked
                if (body := kept_body(taken, clock.now())) is not None:
                    inbox.append([body])
                accepted += len(taken.events)
                for one in taken.refused:
                    reasons[one.refusal.reason] += 1
                    if shown < _SHOWN:
                        print(f"{name}: event {offset + one.index + 1}: {one.refusal.detail}", file=sys.stderr)
                    shown += 1
    with ledger(place):
        pass  # opened here, it takes in what waits; held by a service, that is doing so
    refused = sum(reasons.values())
    if shown > _SHOWN:
        print(f"... and {shown - _SHOWN} more; `stackledger costs refused` lists them", file=sys.stderr)
    by_reason = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    print(f"{accepted:,} events accepted" + (f", {refused:,} refused ({by_reason})" if refused else "") + ".")
    return 1 if refused else 0


def _takings(name: str, chosen: str | None) -> Iterator[tuple[int, Taken]]:
    """What became of the events, piece by piece, each with how many events stood before it."""
    from stackledger.ledger.intake import usage_api
    from stackledger.ledger.intake.body import BodyError
    from stackledger.ledger.intake.exports import READERS

    form = chosen or ("csv" if name.lower().endswith(".csv") else "usage")
    read: Callable[[bytes], Taken] = usage_api.take if form == "usage" else READERS[form]
    try:
        with _opened(name) as file:
            offset = 0
            for piece in _pieces(file) if form in ("usage", "litellm") else [file.read()]:
                taken = read(piece)
                yield offset, taken
                offset += len(taken.events) + len(taken.refused) + taken.not_billed
    except OSError as error:
        raise OutputError(f"{name} cannot be read: {error.strerror or error}") from error
    except BodyError as error:
        raise QuestionError(f"{name}: {error}") from error


@contextlib.contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as file:
        yield file


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """Lines of a file in pieces of a few megabytes; a file that is one JSON value comes whole."""
    first = file.read(_PIECE_BYTES)
    if first.lstrip()[:1] == b"[" or not _is_lines(first):
        yield first + file.read()
        return
    rest = first
    while rest:
        end = rest.rfind(b"\n") + 1
        more = file.read(_PIECE_BYTES)
        if not more:
            yield rest
            return
        if end:
            yield rest[:end]
        rest = rest[end:] + more


def _is_lines(text: bytes) -> bool:
    """Whether the first line is a JSON value by itself."""
    import msgspec

    line, _, _ = text.lstrip().partition(b"\n")
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError:
        return False
    return not line.lstrip().startswith(b'{"events"')
