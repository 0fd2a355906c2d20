"""Put a backup in place, and let the ledger catch up from the inbox. Stop the service first.

Examples:
  stackledger costs restore --config stackledger.yaml /backups/ledger-2026-11-27
  stackledger costs restore --config stackledger.yaml --everything /backups/ledger-2026-11-27

The ledger's file is always the backup's. The inbox, the reservations and the price books that are there stay, because
they know what came since; those that are missing come from the backup, with --everything all. What is replaced is kept
beside it as *.replaced. Exit code 1 when events are missing: ones newer than the backup that the inbox has forgotten.

"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from stackledger.cli.costs.access import Place, data_dir_held, place_of
from stackledger.errors import QuestionError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("folder", metavar="DIR", help="a folder that `costs backup` made")
    parser.add_argument("--everything", action="store_true", help="replace inbox, reservations and prices too")


def run(arguments: argparse.Namespace) -> int:
    """Put it in place, catch up, and say what is missing."""
    from stackledger.domains.cost.opening import places_of
    from stackledger.ledger.upkeep import copies

    place = place_of(arguments)
    if data_dir_held(place):
        raise QuestionError("the service is running: stop it first, then restore")
    folder = Path(arguments.folder)
    made = copies.read_list(folder)
    if made.ledger and place.settings.postgres is not None:
        raise QuestionError(f"{folder} holds the file of an embedded ledger, and this one is in PostgreSQL")
    if not made.ledger and place.settings.postgres is None:
        raise QuestionError(f"{folder} is of a ledger in PostgreSQL, and this one is embedded")
    restored = copies.restore(folder, places_of(place.data_dir), everything=arguments.everything)
    print(f"Restored: {', '.join(restored) or 'nothing, all is there'}.")
    if place.settings.postgres is not None:
        print("Restore the ledger itself with pg_restore --clean --if-exists, before the service starts.")
        return 0
    return _catch_up(place)


def _catch_up(place: Place) -> int:
    from stackledger.clock import SystemClock
    from stackledger.domains.cost.opening import OpenLedger
    from stackledger.ledger.upkeep import copies

    with contextlib.closing(OpenLedger(place.settings, place.data_dir, SystemClock())) as opened:
        before = opened.engine.progress()
        lost = copies.missing(opened.engine, opened.inbox)
        opened.apply_all()
        print(f"The backup went up to batch {before:,}; with what the inbox holds it is at {opened.applier.through:,}.")
    if lost is None:
        return 0
    first, last = lost
    print(
        f"Batches {first:,} to {last:,} are in neither: they were forgotten {place.settings.inbox.keep_hours:g} hours"
        " after they came (costs.inbox.keep_hours). Send their events again; what is known is not counted twice."
    )
    return 1
