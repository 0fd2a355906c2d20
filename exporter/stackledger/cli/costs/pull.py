"""Fetch what vendors bill, now: from one source of costs.pulls or from all, as the service does by its schedule.

Examples:
  stackledger costs pull --config stackledger.yaml
  stackledger costs pull --config stackledger.yaml --source openai --from 2026-09-01 --to 2026-09-30
  stackledger costs pull --config stackledger.yaml --dry-run

Days are UTC and both included; a vendor's bill is fetched by whole months, so the months that they touch. Sources that
are files hold the days that they hold, and are left out where days are given. Without days
it is what is due: since the last pull, with the days that may have been restated. With --dry-run vendors are asked, and
nothing is stored. May be repeated: what is there already stays as it is, what changed is replaced and kept.

Exit code 0 when all went well, 1 when a vendor refused or cannot be understood, 3 when one does not answer.

"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stackledger import money
from stackledger.cli import json_argument
from stackledger.cli.costs.access import ledger, place_of
from stackledger.cli.costs.span import day
from stackledger.cli.costs.watching import watched
from stackledger.errors import QuestionError

if TYPE_CHECKING:
    from stackledger.ledger.pulls.asking import Delivery, PullReply
    from stackledger.ledger.pulls.config import PullSettings

_LONGEST_SECONDS: Final = 3600.0
_UNANSWERED: Final = ("connect", "timeout")
_REFUSED, _UNREACHABLE = 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--source", metavar="NAME", help="one source of costs.pulls; default: all")
    parser.add_argument("--from", dest="first", metavar="DATE", help="first day; default: what is due")
    parser.add_argument("--to", dest="last", metavar="DATE", help="last day, included; default: yesterday")
    parser.add_argument("--dry-run", action="store_true", help="ask, tell what would change, and store nothing")
    json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Pull source by source, telling people how far it is."""
    from stackledger.ledger.pulls.asking import PullReply, PullRequest

    place = place_of(arguments)
    names = [arguments.source] if arguments.source else [one.name for one in place.settings.pulls]
    if not names:
        raise QuestionError("no source of bills is set: add one under costs.pulls, docs/costs.md tells more")
    first, last = (day(text) if text else None for text in (arguments.first, arguments.last))
    if first and last and last < first:
        raise QuestionError(f"--to {last} is before --from {first}")
    if (first or last) and not arguments.source:
        names = _with_days(place.settings.pulls)
    found: list[PullReply] = []
    with ledger(place) as ask:
        for number, name in enumerate(names, 1):
            request = PullRequest(name, first, last, arguments.dry_run)
            with watched(partial(_progress, ask, name, f"[{number}/{len(names)}]")):
                reply: PullReply = ask("pull", request, PullReply, _LONGEST_SECONDS)
            found.append(reply)
            if not arguments.json:
                for line in _lines(reply, dry=arguments.dry_run):
                    print(line)
    if arguments.json:
        print(json.dumps([msgspec.to_builtins(one) for one in found], indent=2))
    return max(_code(one) for one in found)


def _with_days(sources: Sequence[PullSettings]) -> list[str]:
    """Who can be asked for days; of the others a word to people, on stderr. Raises QuestionError where nobody can."""
    from stackledger.ledger.pulls.config import Vendor

    files = [one.name for one in sources if one.vendor is Vendor.FOCUS]
    if len(files) == len(sources):
        raise QuestionError("files hold the days that they hold: leave --from and --to out")
    if files:
        print(f"Left out: {', '.join(files)}. Files hold the days that they hold.", file=sys.stderr)
    return [one.name for one in sources if one.name not in files]


def _progress(ask: Any, name: str, place: str) -> str:
    from stackledger.ledger.asking import Nothing
    from stackledger.ledger.pulls.asking import PullStatus

    statuses: list[PullStatus] = ask("pull_statuses", Nothing(), list[PullStatus])
    doing = next((one.doing for one in statuses if one.source == name), "")
    return f"{place} {name}: {doing or 'asking'} ..."


def _code(reply: PullReply) -> int:
    if not reply.failure:
        return 0
    return _UNREACHABLE if reply.reason in _UNANSWERED else _REFUSED


def _lines(reply: PullReply, *, dry: bool) -> Iterator[str]:
    moved = [one for one in reply.deliveries if one.added or one.replaced]
    for one in moved:
        yield f"{reply.source}: {_told(one, dry=dry)}"
    if reply.nothing_new:
        yield f"{reply.source}: the files are those of the last pull."
    elif len(moved) < len(reply.deliveries):
        count = len(reply.deliveries) - len(moved)
        yield f"{reply.source}: nothing changed in {count} piece{'s' * (count != 1)}."
    if reply.failure:
        yield f"{reply.source}: not all could be pulled ({reply.reason}): {reply.failure}"


def _told(one: Delivery, *, dry: bool) -> str:
    amounts = ", ".join(f"{money.cents(int(amount))} {currency}" for currency, amount in one.billed.items())
    changes = f"{one.added:,} new, {one.unchanged:,} known, {one.replaced:,} replaced"
    stored = "would be stored" if dry else f"delivery {one.number}"
    return f"{one.first} to {one.last}: {amounts or 'no amount'}; lines: {changes}; {stored}."
