"""Copies of a ledger and of what belongs to it: the inbox, the reservations, the price books.

A copy is made while everything goes on. The inbox is copied before the ledger, so that all that was accepted before the
beginning is in one of them. A copy is whole once its list of files, with their hashes, is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from stackledger.errors import QuestionError, StorageError
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.inbox import Inbox

_LIST: Final = "backup.json"
_VERSION: Final = 1
_PIECE: Final = 1 << 20
_ASIDE: Final = "replaced"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a ledger are. `ledger` is a file only where the embedded engine is used."""

    ledger: Path
    inbox: Path
    reservations: Path
    prices: Path


class BackupList(msgspec.Struct, frozen=True):
    """What a copy holds. `through` is the number in the inbox up to which the copied ledger goes, at least."""

    version: int
    made_us: int
    through: int
    ledger: bool
    files: dict[str, str]
    """SHA-256 by name in the folder."""


def backup(engine: Engine, places: Places, folder: Path, made_us: int) -> BackupList:
    """Copy all into a folder that does not exist or is empty. Raises QuestionError for another, StorageError."""
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        if any(folder.iterdir()):
            raise QuestionError(f"{folder} is not empty: name a folder that does not exist")
        for one in (places.inbox, places.reservations):
            _copy_sqlite(one, folder / one.name)
        through = engine.progress()
        ledger = engine.backup(folder)
        with closing(Inbox(folder / places.inbox.name)) as inbox:
            inbox.number_above(engine.progress())  # numbers that the copied ledger may know are not given again
        with suppress(FileNotFoundError):
            shutil.copytree(places.prices, folder / places.prices.name)
        hashes = {str(file.relative_to(folder)): _hash(file, sync=True) for file in _files(folder)}
        made = BackupList(_VERSION, made_us, through, ledger, hashes)
        scratch = folder / f"{_LIST}.new"
        scratch.write_bytes(msgspec.json.format(msgspec.json.encode(made)))
        _hash(scratch, sync=True)
        scratch.replace(folder / _LIST)
        _sync_folder(folder)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"no backup was made in {folder}: {error}") from error
    return made


def read_list(folder: Path) -> BackupList:
    """What a copy holds, once every file of it was found to be as it was written. Raises QuestionError."""
    try:
        made = msgspec.json.decode((folder / _LIST).read_bytes(), type=BackupList)
    except (OSError, msgspec.MsgspecError):
        raise QuestionError(f"{folder} is no whole backup: it has no readable {_LIST}") from None
    if made.version > _VERSION:
        raise QuestionError(f"{folder} was made by a newer stackledger: use that one")
    for name, known in made.files.items():
        file = folder / name
        if not file.is_file() or _hash(file) != known:
            raise QuestionError(f"{file} is missing or is not what was backed up: take another backup")
    return made


def restore(folder: Path, places: Places, *, everything: bool) -> list[str]:
    """Put the copied ledger in place, and what else is missing; what was put there.

    What is replaced is kept beside it. With `everything` the inbox, reservations and price books are replaced too:
    what was accepted since the copy is then gone. Raises QuestionError while another process holds the ledger.
    """
    made = read_list(folder)
    try:
        _refuse_if_held(places.ledger)
        places.ledger.parent.mkdir(parents=True, exist_ok=True)
        return list(_put_back(folder, made, places, everything=everything))
    except OSError as error:
        raise StorageError(f"the backup in {folder} could not be put in place: {error}") from error


def missing(engine: Engine, inbox: Inbox) -> tuple[int, int] | None:
    """First and last number of batches that the ledger does not have and the inbox no longer has."""
    through, first, last = engine.progress(), inbox.first(), inbox.last()
    if last <= through or (first is not None and first <= through + 1):
        return None
    return through + 1, (first if first is not None else last + 1) - 1


def _put_back(folder: Path, made: BackupList, places: Places, *, everything: bool) -> Iterator[str]:
    for target in (places.inbox, places.reservations, places.prices):
        source = folder / target.name
        if not source.exists() or (target.exists() and not everything):
            continue
        _replace(source, target, logs=("-wal", "-shm"))
        yield target.name
    if made.ledger:
        # Tables of known ids are made again: those that are there belong to the ledger that is replaced.
        shutil.rmtree(places.ledger.with_suffix(".ids"), ignore_errors=True)
        _replace(folder / places.ledger.name, places.ledger, logs=(".wal",))
        yield places.ledger.name


def _replace(source: Path, target: Path, logs: tuple[str, ...]) -> None:
    scratch = target.with_name(f"{target.name}.restored")
    if source.is_dir():
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(source, scratch)
    else:
        shutil.copyfile(source, scratch)
        _hash(scratch, sync=True)
    for end in ("", *logs):  # a log goes with its file, or the new one would be taken to have it
        old = target.with_name(f"{target.name}{end}")
        aside = target.with_name(f"{target.name}.{_ASIDE}{end}")
        if old.exists():
            if aside.is_dir():
                shutil.rmtree(aside)
            old.replace(aside)
    scratch.replace(target)
    _sync_folder(target.parent)


def _refuse_if_held(ledger: Path) -> None:
    with suppress(FileNotFoundError), ledger.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise QuestionError(f"{ledger} is held by another process: stop the service first") from None


def _copy_sqlite(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as own, closing(sqlite3.connect(target)) as copy:
        own.backup(copy)


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.endswith(("-wal", "-shm")))


def _hash(file: Path, *, sync: bool = False) -> str:
    """The file's SHA-256; with `sync` it is on the disk then."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
        if sync:
            os.fsync(opened.fileno())
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
