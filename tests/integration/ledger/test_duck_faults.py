"""The embedded engine with a statement that fails, a disk that is full, and files of known ids that lie or are gone."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from stackledger.errors import StorageError, StorageFullError
from stackledger.ledger.engines.duck import known_ids, known_rows
from stackledger.ledger.engines.duck.engine import DuckEngine
from tests.integration.ledger.building import NOON, Ledger, event, varied

DAY = NOON.date().toordinal() - 719_163


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "l" / "ledger.duckdb"


@pytest.fixture
def open_duck(path: Path) -> Iterator[Callable[[], DuckEngine]]:
    opened: list[DuckEngine] = []

    def open_() -> DuckEngine:
        opened.append(DuckEngine(path, memory="256MB"))
        return opened[-1]

    yield open_
    for one in opened:
        with suppress(StorageError):
            one.close()


class _Failing:
    """The engine's connection; a statement with these words fails, before or after it was done."""

    def __init__(self, engine: DuckEngine, words: str, error: Exception) -> None:
        self._real = engine._store.db
        self._words, self._error = words, error
        engine._store.db = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name == self._words:
            raise self._error
        return getattr(self._real, name)

    def execute(self, sql: str, *rest: Any) -> Any:
        if self._words in sql:
            raise self._error
        return self._real.execute(sql, *rest)


@pytest.mark.parametrize("words", ["INTO person", "INTO llm_call", "INTO quarter", "UPDATE progress", "commit"])
def test_a_statement_that_fails_leaves_nothing_behind(open_duck: Callable[[], DuckEngine], words: str) -> None:
    engine = open_duck()
    ledger = Ledger(engine)
    ledger.put(varied(range(50)), 1)
    before, real = ledger.state(), engine._store.db
    _Failing(engine, words, duckdb.IOException("IO Error: No space left on device"))
    events = [*varied(range(40, 90)), event("new", user="new")]
    with pytest.raises(StorageFullError):
        ledger.put(events, 2)
    engine._store.db = real
    assert ledger.state() == before
    assert engine.progress() == 1
    applied = ledger.put(events, 2)
    assert (applied.stored, applied.duplicates) == (41, 10)
    assert ledger.consistent()


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), StorageError("refused")])
@pytest.mark.parametrize("place", ["add", "_grow", "save"])
def test_known_ids_that_fail_after_the_commit_do_not_double(
    open_duck: Callable[[], DuckEngine], monkeypatch: pytest.MonkeyPatch, place: str, failure: Exception
) -> None:
    monkeypatch.setattr(known_rows, "_SAVE_EVERY", 1)
    monkeypatch.setattr(known_ids, "_SMALLEST", 64)
    engine = open_duck()
    ledger = Ledger(engine)
    ledger.put(varied(range(30)), 1)
    with monkeypatch.context() as broken:

        def full(*_: object) -> None:
            raise failure

        broken.setattr(known_ids.KnownIds, place, full)
        assert ledger.put(varied(range(30, 90)), 2).stored == 60  # it is stored: only the cache has failed
    assert ledger.put(varied(range(90)), 3).duplicates == 90
    assert ledger.consistent()


def test_a_full_disk_is_told_and_goes_away(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("only root can make a small disk")
    try:
        engine = DuckEngine(small / "ledger.duckdb", memory="128MB")
        ledger = Ledger(engine)
        batch, told = 0, None
        while told is None:
            batch += 1
            try:
                ledger.put(varied(range(batch * 1000, batch * 1000 + 1000)), batch)
            except StorageError as error:
                told = error
        assert isinstance(told, StorageFullError)
        assert engine.progress() == batch - 1
        assert ledger.one("SELECT count(*) FROM llm_call") == (batch - 1) * 1000
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        again = varied(range((batch - 1) * 1000, (batch + 1) * 1000))
        assert ledger.put(again, batch).stored == 1000
        assert ledger.consistent()
        engine.close()
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def _zeroed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[: len(data) // 2] = bytes(len(data) // 2)
    path.write_bytes(bytes(data))


def _garbage(path: Path) -> None:
    size = path.stat().st_size
    path.write_bytes(np.random.default_rng(1).bytes(size))


def _one_changed(path: Path) -> None:
    table = np.fromfile(path, np.uint64)
    table[np.flatnonzero(table)[0]] += np.uint64(1)
    table.tofile(path)


def _head(change: dict[str, object]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        head = path.with_suffix(".json")
        head.write_text(json.dumps(json.loads(head.read_text()) | change))

    return write


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text("[1]"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-8]),
        _zeroed,
        _garbage,
        _one_changed,
        _head({"algorithm": "another"}),
        _head({"covers": "many"}),
        _head({"places": None}),
    ],
)
def test_files_of_known_ids_that_are_lost_or_damaged(
    open_duck: Callable[[], DuckEngine], path: Path, damage: Callable[[Path], object]
) -> None:
    engine = open_duck()
    ledger = Ledger(engine)
    ledger.put([event(n) for n in range(500)], 1)
    engine.close()
    damage(path.with_suffix(".ids") / f"{DAY}.ids")
    ledger = Ledger(open_duck())
    applied = ledger.put([event(n) for n in range(250, 750)], 2)
    assert (applied.stored, applied.duplicates) == (250, 250)
    assert ledger.consistent()


def test_older_files_of_known_ids_are_brought_forward(open_duck: Callable[[], DuckEngine], path: Path) -> None:
    files = path.with_suffix(".ids")
    engine = open_duck()
    Ledger(engine).put([event(n) for n in range(100)], 1)
    engine.close()
    older = {one: one.read_bytes() for one in files.iterdir()}
    engine = open_duck()
    Ledger(engine).put([event(n) for n in range(100, 200)], 2)
    engine.close()
    for one, data in older.items():
        one.write_bytes(data)
    ledger = Ledger(open_duck())
    assert ledger.put([event(n) for n in range(300)], 3).stored == 100


def test_files_of_another_ledger_are_not_believed(open_duck: Callable[[], DuckEngine], path: Path) -> None:
    files = path.with_suffix(".ids")
    engine = open_duck()
    Ledger(engine).put([event(n) for n in range(100)], 9)
    engine.close()
    others = {one: one.read_bytes() for one in files.iterdir()}
    for one in (path, *files.iterdir()):
        one.unlink()
    engine = open_duck()
    Ledger(engine).put([event(n) for n in range(500, 700)], 5)
    engine.close()
    for one, data in others.items():
        one.write_bytes(data)
    ledger = Ledger(open_duck())
    assert ledger.put([event(n) for n in range(500, 700)], 6).duplicates == 200


def test_tables_of_known_ids_grow_and_the_one_asked_longest_ago_goes(
    path: Path, open_duck: Callable[[], DuckEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_ids, "_SMALLEST", 64)
    monkeypatch.setattr(known_rows, "_DAYS_IN_MIND", 3)
    engine = open_duck()
    ledger = Ledger(engine)
    days = [[event(n, minutes=day * 24 * 60) for n in range(300)] for day in range(6)]
    for number, day in enumerate(days, start=1):
        ledger.put(day, number)
    assert len(list(path.with_suffix(".ids").glob("*.ids"))) == 3
    mixed = [one for day in days for one in day]
    assert ledger.put(mixed, 7).duplicates == 1800
    engine.close()
    ledger = Ledger(open_duck())
    more = [event(n, minutes=day * 24 * 60) for day in range(6) for n in range(250, 350)]
    applied = ledger.put(more, 8)
    assert (applied.stored, applied.duplicates) == (300, 300)
    assert ledger.put([*mixed, *more], 9).stored == 0
    assert ledger.consistent()


def test_ids_with_equal_hashes_are_told_apart(
    open_duck: Callable[[], DuckEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_rows, "key_hashes", lambda hashes, sources: np.zeros(len(hashes), np.uint64))
    ledger = Ledger(open_duck())
    assert ledger.put([event(1), event(2), event(2)], 1).stored == 2
    applied = ledger.put([event(2), event(3), event(1, tokens=4)], 2)
    assert (applied.stored, applied.duplicates, len(applied.conflicts)) == (1, 1, 1)


def test_the_progress_that_others_see_is_committed(open_duck: Callable[[], DuckEngine]) -> None:
    engine = open_duck()
    Ledger(engine).put([event(1)], 1)
    engine._store.db.begin()
    engine._store.db.execute("UPDATE progress SET inbox = 99")
    assert engine.progress() == 1
    engine._store.db.rollback()


def test_a_second_writer_is_told(open_duck: Callable[[], DuckEngine], path: Path) -> None:
    open_duck()
    script = (
        "import sys; from pathlib import Path; from stackledger.ledger.engines.duck.engine import DuckEngine\n"
        "try: DuckEngine(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    root = Path(__file__).parents[3]
    told = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": str(root / "exporter")},
    ).stdout  # fmt: skip
    assert told.startswith("StorageError")
    assert "held by another process" in told
