"""Copy the ledger and what belongs to it (inbox, reservations, price books) while the service goes on.

Example:
  stackledger costs backup --config stackledger.yaml /backups/ledger-2026-11-27

The folder must not exist or be empty. Where the ledger is in PostgreSQL its server's own tools copy it; the command
says how and copies the rest. A copy holds user ids: keep it as the ledger is kept.

"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stackledger.cli.costs.access import ledger, place_of

if TYPE_CHECKING:
    from stackledger.ledger.upkeep.asking import BackupReply

_LONGEST_SECONDS = 6 * 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("folder", metavar="DIR", help="where to, on the ledger's machine")


def run(arguments: argparse.Namespace) -> int:
    """Ask for it and say what was copied."""
    from stackledger.ledger.upkeep.asking import BackupReply, BackupRequest

    place = place_of(arguments)
    folder = Path(arguments.folder).absolute()
    with ledger(place) as ask:
        done: BackupReply = ask("backup", BackupRequest(str(folder)), BackupReply, _LONGEST_SECONDS)
    print(f"{len(done.files):,} files, {done.size_bytes / 1e6:,.1f} MB in {folder}, batches up to {done.through:,}.")
    if place.settings.postgres is not None:
        postgres = place.settings.postgres
        print("The ledger is in PostgreSQL. Copy its schema now, after this:")
        print(
            f"  pg_dump --format=custom --schema={postgres.schema_name} --file={folder}/ledger.dump"
            f' "{postgres.conninfo}"'
        )
    return 0
