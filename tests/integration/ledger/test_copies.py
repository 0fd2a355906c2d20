"""Backup while commits go on, the ledger lost, restored, caught up: the totals are those of a ledger never lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab import programs
from stackledger.errors import QuestionError, StorageError
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.engines.duck.engine import DuckEngine
from stackledger.ledger.upkeep import copies
from stackledger.ledger.upkeep.asking import BackupRequest
from stackledger.ledger.upkeep.copies import Places
from tests.integration.ledger.building import varied
from tests.integration.ledger.test_erase import Kept


def _numbers(batch: int) -> range:
    return range(batch * 15, batch * 15 + 20)


@pytest.fixture
def open_kept(tmp_path: Path):
    """A ledger in a file, with all that belongs to it; opened again after it was closed."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "prices").mkdir()
    (folder / "prices" / "index.json").write_text("[]")

    def open_() -> Kept:
        return Kept(DuckEngine(folder / "ledger.duckdb", memory="256MB"), folder)

    return open_


def _fill(kept: Kept, first: int, last: int) -> None:
    for batch in range(first, last):
        kept.accept(*varied(_numbers(batch)))
        kept.apply()


def _close(kept: Kept) -> None:
    kept.engine.close()
    kept.close()


def test_a_restored_ledger_catches_up_from_the_inbox(open_kept: Callable[[], Kept], tmp_path: Path) -> None:
    kept = open_kept()
    _fill(kept, 0, 10)
    feeding = threading.Thread(target=_fill, args=(kept, 10, 40))
    feeding.start()
    copy = tmp_path / "copy"
    done = kept.keeper.backup(BackupRequest(str(copy)))
    feeding.join()
    assert set(done.files) == {"ledger.duckdb", "inbox.sqlite", "reservations.sqlite", "prices/index.json"}
    assert 10 <= done.through <= 40
    assert copy.stat().st_mode & 0o777 == 0o700
    _fill(kept, 40, 50)
    before = kept.ledger.state()
    _close(kept)
    kept.places.ledger.unlink()
    assert copies.restore(copy, kept.places, everything=False) == ["ledger.duckdb"]
    kept = open_kept()
    assert 10 <= kept.engine.progress() <= 41
    assert copies.missing(kept.engine, kept.inbox) is None
    kept.apply()
    assert kept.ledger.state() == before
    assert kept.engine.progress() == 50
    _fill(kept, 45, 52)
    assert kept.ledger.one("SELECT count(*) FROM llm_call") == 51 * 15 + 20
    _close(kept)


def test_with_everything_lost_the_copy_stands_for_itself(open_kept: Callable[[], Kept], tmp_path: Path) -> None:
    kept = open_kept()
    _fill(kept, 0, 10)
    kept.accept(*varied(_numbers(10)))  # accepted, not applied
    kept.keeper.backup(BackupRequest(str(tmp_path / "copy")))
    kept.apply()
    before = kept.ledger.state()
    _fill(kept, 11, 13)
    _close(kept)
    other = tmp_path / "other"
    places = Places(*(other / one.name for one in (
        kept.places.ledger, kept.places.inbox, kept.places.reservations, kept.places.prices)))  # fmt: skip
    assert len(copies.restore(tmp_path / "copy", places, everything=False)) == 4
    assert copies.restore(tmp_path / "copy", places, everything=True) == [
        "inbox.sqlite", "reservations.sqlite", "prices", "ledger.duckdb",
    ]  # fmt: skip
    assert (other / "prices.replaced" / "index.json").read_text() == "[]"
    kept = Kept(DuckEngine(places.ledger, memory="256MB"), other)
    kept.inbox.go_on_after(kept.engine.progress())
    kept.apply()
    assert kept.ledger.state() == before
    _close(kept)


def test_what_the_inbox_has_forgotten_is_told(open_kept: Callable[[], Kept], tmp_path: Path) -> None:
    kept = open_kept()
    _fill(kept, 0, 5)
    kept.keeper.backup(BackupRequest(str(tmp_path / "copy")))
    _fill(kept, 5, 12)
    kept.inbox.applied(9, 10**18)
    _close(kept)
    copies.restore(tmp_path / "copy", kept.places, everything=False)
    kept = open_kept()
    assert copies.missing(kept.engine, kept.inbox) == (6, 9)
    kept.inbox.applied(12, 10**18)
    assert copies.missing(kept.engine, kept.inbox) == (6, 12)
    _close(kept)


def test_what_is_no_backup_or_a_damaged_one_is_refused(open_kept: Callable[[], Kept], tmp_path: Path) -> None:
    kept = open_kept()
    _fill(kept, 0, 3)
    copy = tmp_path / "copy"
    kept.keeper.backup(BackupRequest(str(copy)))
    with pytest.raises(QuestionError, match="not empty"):
        kept.keeper.backup(BackupRequest(str(copy)))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        kept.keeper.backup(BackupRequest(str(tmp_path / "file" / "below")))
    before = kept.ledger.state()
    held = subprocess.run(
        [sys.executable, "-c", _RESTORE, str(copy), str(kept.places.ledger.parent)],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout  # fmt: skip
    assert "held by another process" in held
    with (copy / "ledger.duckdb").open("r+b") as file:
        file.seek(20_000)
        file.write(b"damage")
    with pytest.raises(QuestionError, match=r"ledger\.duckdb is missing or is not what was backed up"):
        copies.restore(copy, kept.places, everything=False)
    (copy / "backup.json").unlink()
    with pytest.raises(QuestionError, match="no whole backup"):
        copies.restore(copy, kept.places, everything=False)
    assert kept.ledger.state() == before
    _close(kept)


_RESTORE = """
import sys
from pathlib import Path
from stackledger.ledger.upkeep import copies
data = Path(sys.argv[2])
places = copies.Places(data / "ledger.duckdb", data / "inbox.sqlite", data / "reservations.sqlite", data / "prices")
try:
    copies.restore(Path(sys.argv[1]), places, everything=False)
except Exception as error:
    print(error)
"""


@pytest.mark.real("postgres")
def test_in_postgresql_the_schema_is_dumped_and_the_rest_is_copied(
    postgres_dsn: str, postgres_server: Any, tmp_path: Path
) -> None:
    from stackledger.ledger.engines.postgres.engine import PostgresEngine

    def open_() -> Engine:
        return PostgresEngine(postgres_dsn, "ledger_copied")

    kept = Kept(open_(), tmp_path)
    _fill(kept, 0, 5)
    done = kept.keeper.backup(BackupRequest(str(tmp_path / "copy")))
    assert not done.ledger
    assert json.loads((tmp_path / "copy" / "backup.json").read_text())["ledger"] is False
    dump = tmp_path / "ledger.dump"
    words = ["--format=custom", "--schema=ledger_copied", f"--file={dump}", f"--dbname={postgres_dsn}"]
    subprocess.run([programs.find("pg_dump"), *words], check=True, timeout=60)
    _fill(kept, 5, 9)
    before = kept.ledger.state()
    _close(kept)
    postgres_server.sql(postgres_server.nodes[0], "DROP SCHEMA ledger_copied CASCADE", database="ledger")
    subprocess.run([programs.find("pg_restore"), f"--dbname={postgres_dsn}", str(dump)], check=True, timeout=60)
    kept = Kept(open_(), tmp_path)
    assert kept.engine.progress() == 5
    kept.apply()
    assert kept.ledger.state() == before
    _close(kept)
