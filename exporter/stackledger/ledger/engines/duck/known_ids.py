"""Which ids of a day are perhaps known already: a hash table in a file, so that a batch is checked without a scan.

It may say "perhaps" wrongly, never "no": a hit is always looked up exactly in the ledger. A file is a cache of the
ledger: it is made again when it is lost, or is not what was last saved (after a crash, or damaged), and what came after
it was saved is added (`covers` says how far it goes).

One table holds 64-bit hashes with linear probing in a memory-mapped file: what the process holds stays flat with tens
of millions of ids, and a day is there at once after a restart.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stackledger.ledger.rows import Flags

Hashes: TypeAlias = NDArray[np.uint64]

_SMALLEST: Final = 1 << 16
_FULL: Final = 0.6
_CHUNK: Final = 1 << 20


class KnownIds:
    """The hashes of one day. 0 marks an empty place, so a hash of 0 is kept as 1."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = 0
        self._sum = 0
        """All hashes by exclusive or: with the count it shows whether a file is the one that was saved."""
        self.covers = 0
        """Every hash of batches up to this number is in the file on the disk."""
        self._table: Hashes = np.empty(0, np.uint64)

    @classmethod
    def open(cls, path: Path, algorithm: str) -> KnownIds:
        """The file's table as it was saved, or else an empty one."""
        one = cls(path)
        try:
            head = json.loads(one._head.read_text(encoding="utf-8"))
            one.covers, places = int(head["covers"]), int(head["places"])
            usable = head["algorithm"] == algorithm and path.stat().st_size == places * 8 >= _SMALLEST * 8
            if usable:
                one._table = np.memmap(path, np.uint64, "r+")
                one.count = int(np.count_nonzero(one._table))
                one._sum = int(np.bitwise_xor.reduce(one._table))
                usable = (one.count, one._sum) == (head["count"], head["sum"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            usable = False
        if not usable:
            one.clear()
        return one

    def clear(self) -> None:
        """Begin with an empty file."""
        self._head.unlink(missing_ok=True)
        self.count = self._sum = self.covers = 0
        self._table = _new_file(self._path, _SMALLEST)

    @property
    def _head(self) -> Path:
        return self._path.with_suffix(".json")

    def seen(self, hashes: Hashes) -> Flags:
        """Which of them are perhaps known."""
        table, mask = self._table, np.uint64(len(self._table) - 1)
        wanted = _without_zero(hashes)
        found = np.zeros(len(wanted), np.bool_)
        open_ = np.arange(len(wanted))
        places = wanted & mask
        while len(open_):
            there = table[places]
            hit = there == wanted[open_]
            found[open_[hit]] = True
            going_on = ~hit & (there != 0)
            open_ = open_[going_on]
            places = (places[going_on] + np.uint64(1)) & mask
        return found

    def add(self, hashes: Hashes) -> None:
        """Know them too."""
        if self.count + len(hashes) > _FULL * len(self._table):
            self._grow(self.count + len(hashes))
        added, together = _insert(self._table, _without_zero(hashes))
        self.count += added
        self._sum ^= together

    def save(self, covers: int, algorithm: str) -> None:
        """Bring it to the disk, and only then say how far it goes."""
        if isinstance(self._table, np.memmap):
            self._table.flush()
        self.covers = covers
        head = {
            "algorithm": algorithm,
            "places": len(self._table),
            "covers": covers,
            "count": self.count,
            "sum": self._sum,
        }
        scratch = self._head.with_suffix(".new")
        with scratch.open("w", encoding="utf-8") as file:
            json.dump(head, file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self._head)

    def remove(self) -> None:
        """Delete the files: the day is no longer asked often."""
        self._table = np.empty(0, np.uint64)
        self._head.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

    def _grow(self, wanted: int) -> None:
        places = len(self._table)
        while wanted > _FULL * places:
            places *= 2
        self._head.unlink(missing_ok=True)  # the file under this name is about to be another
        scratch = self._path.with_suffix(".grown")
        bigger = _new_file(scratch, places)
        for start in range(0, len(self._table), _CHUNK):
            chunk = np.asarray(self._table[start : start + _CHUNK])
            _insert(bigger, chunk[chunk != 0])
        scratch.replace(self._path)
        self._table = bigger
        self.covers = 0


class KnownDays:
    """The tables of the days that are asked now; at most `most`, the one asked longest ago goes first.

    `recall` gives the hashes of a day's calls in batches above a number, `count` how many calls there are up to it.
    """

    def __init__(
        self,
        folder: Path,
        algorithm: str,
        recall: Callable[[int, int], Iterable[Hashes]],
        count: Callable[[int, int], int],
        most: int,
    ) -> None:
        self._folder = folder
        self._algorithm = algorithm
        self._recall = recall
        self._count = count
        self._most = most
        self._days: dict[int, KnownIds] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def day(self, number: int) -> KnownIds:
        """The table of a day, with all that the ledger knows in it."""
        table = self._days.pop(number, None)
        if table is None:
            table = KnownIds.open(self._folder / f"{number}.ids", self._algorithm)
            if table.covers and self._count(number, table.covers) > table.count:
                table.clear()  # it belongs to another ledger, or to an older state of this one
            for hashes in self._recall(number, table.covers):
                table.add(hashes)
        self._days[number] = table
        while len(self._days) > self._most:
            self._days.pop(next(iter(self._days))).remove()
        return table

    def forget_all(self) -> None:
        """Read every table anew when it is next asked: what is in memory may be ahead of the ledger or behind it."""
        self._days.clear()

    def files(self) -> list[Path]:
        """The tables' files."""
        return list(self._folder.iterdir())

    def save(self, covers: int) -> None:
        """Bring all to the disk."""
        for table in self._days.values():
            table.save(covers, self._algorithm)


def _new_file(path: Path, places: int) -> Hashes:
    with path.open("wb") as file:
        # All of its room at once: a page that finds none later, when it is written through memory, kills the process.
        os.posix_fallocate(file.fileno(), 0, places * 8)
    return np.memmap(path, np.uint64, "r+")


def _without_zero(hashes: Hashes) -> Hashes:
    return np.where(hashes == 0, np.uint64(1), hashes)


def _insert(table: Hashes, hashes: Hashes) -> tuple[int, int]:
    """Put them in; how many were not there, and these by exclusive or."""
    mask = np.uint64(len(table) - 1)
    places = hashes & mask
    added = together = 0
    while len(hashes):
        there = table[places]
        empty = there == 0
        table[places[empty]] = hashes[empty]  # of several for one place one wins, and the others go on
        now = table[places]
        won = now == hashes
        # Two equal hashes in one call would count twice: that is one pair in a million days, and costs one new file.
        filled = hashes[won & empty]
        added += len(filled)
        together ^= int(np.bitwise_xor.reduce(filled))
        hashes = hashes[~won]
        places = (places[~won] + np.uint64(1)) & mask
    return added, together
