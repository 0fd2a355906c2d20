"""The books that were and are in force, who asked for each and who approved it.

In `<data directory>/prices`: `books/<version>.json`, never removed; `index.json`, one entry per change; `pending.json`
while a change waits for approval. Two commands at once take turns by a lock on the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from stackledger.clock import Clock
from stackledger.errors import ConfigError, Mistake
from stackledger.ledger.prices.book import PriceBook, load_book, save_book
from stackledger.ledger.prices.files import replace
from stackledger.ledger.prices.splice import splice
from stackledger.ledger.prices.update import DEFAULT_LIMIT, Change, diff, needs_approval

_SECOND_US: Final = 1_000_000

T = TypeVar("T")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One change of the book in force. Times are microseconds UTC."""

    version: str
    """Of the book in force since, which holds the older prices too."""
    source: str
    effective_us: int | None = None
    """From which call on its prices are new; None for the first book."""
    correction: bool = False
    """Whether it reprices calls that were already priced."""
    requester: str
    requested_us: int
    approver: str = ""
    """Empty where nothing in it needed approval."""
    role: str = ""
    approved_us: int | None = None
    replaces: str = ""
    """Version that was in force before."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A change that waits for approval."""

    candidate: PriceBook
    base: str
    """Version that was in force when it was asked for."""
    effective_us: int
    correction: bool
    requester: str
    requested_us: int
    reasons: tuple[Change, ...]
    """The changes for which it waits."""
    notes: tuple[str, ...] = ()
    """What else it waits for, in words."""


class History:
    """The books under one folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def entries(self) -> tuple[Entry, ...]:
        """Every change, oldest first. Raises ConfigError if the index cannot be read."""
        return _read(self._folder / "index.json", tuple[Entry, ...]) or ()

    def pending(self) -> Pending | None:
        """The change that waits for approval."""
        return _read(self._folder / "pending.json", Pending)

    def book(self, version: str) -> PriceBook:
        """A book that is or was in force. Raises ConfigError if it cannot be read."""
        return load_book(self._path(version))

    def in_force(self) -> PriceBook | None:
        """The book by which calls are priced now; it holds the prices of the past. None before the first."""
        entries = self.entries()
        return self.book(entries[-1].version) if entries else None

    def propose(
        self,
        candidate: PriceBook,
        requester: str,
        *,
        effective_us: int | None = None,
        correction: bool = False,
        limit: Fraction = DEFAULT_LIMIT,
    ) -> Entry | Pending:
        """Put a book in force from `effective_us` (default: now) on, or stage it where somebody has to approve it.

        A correction may begin in the past and always waits. Raises ConfigError for another time in the past, and
        while another change waits.
        """
        requester = _person(requester, "requester")
        now = self._now_us()
        with self._alone():
            current = self.in_force()
            if current is None:
                return self._put(Entry(version="", source="", requester=requester, requested_us=now), candidate, None)
            if (waiting := self.pending()) is not None:
                raise _refused(f"a change asked for by {waiting.requester} waits; approve or withdraw it first")
            since = now if effective_us is None else effective_us
            if since < now and not correction:
                raise _refused("the effective time has passed; ask for a dated correction to reprice the past")
            reasons = needs_approval(diff(current, candidate, since), limit)
            notes = tuple(_doubts(current, candidate, correction=correction))
            pending = Pending(
                candidate=candidate,
                base=current.version,
                effective_us=since,
                correction=correction,
                requester=requester,
                requested_us=now,
                reasons=reasons,
                notes=notes,
            )
            if not reasons and not notes:
                return self._put(self._entry(pending), candidate, since)
            replace(self._folder / "pending.json", msgspec.json.encode(pending))
            return pending

    def approve(self, name: str, role: str) -> Entry:
        """Put the waiting change in force. Raises ConfigError if none waits, or for the person who asked for it."""
        name, role = _person(name, "approver"), _person(role, "role")
        with self._alone():
            pending = self._waiting()
            if name.casefold() == pending.requester.casefold():
                raise _refused(f"{name} asked for this change; somebody else has to approve it")
            current = self.in_force()
            if current is None or current.version != pending.base:
                raise _refused("the book in force has changed since; withdraw this change and ask again")
            now = self._now_us()
            # calls between the time asked for and the approval are priced already: they stay, unless it is a correction
            since = pending.effective_us if pending.correction else max(pending.effective_us, now)
            entry = msgspec.structs.replace(self._entry(pending), approver=name, role=role, approved_us=now)
            done = self._put(entry, pending.candidate, since)
            (self._folder / "pending.json").unlink()
            return done

    def withdraw(self) -> Pending:
        """Drop the waiting change. Raises ConfigError if none waits."""
        with self._alone():
            pending = self._waiting()
            (self._folder / "pending.json").unlink()
            return pending

    def age_days(self) -> int | None:
        """Whole days (UTC) since the book in force is known to have followed prices; None before the first book."""
        book = self.in_force()
        return None if book is None else age_days(book, self._clock)

    def _waiting(self) -> Pending:
        pending = self.pending()
        if pending is None:
            raise _refused("no change waits for approval")
        return pending

    def _entry(self, pending: Pending) -> Entry:
        return Entry(
            version="",
            source=pending.candidate.source,
            correction=pending.correction,
            requester=pending.requester,
            requested_us=pending.requested_us,
            replaces=pending.base,
        )

    def _put(self, entry: Entry, candidate: PriceBook, since: int | None) -> Entry:
        """The book first, then the index that names it: a crash between them leaves the old book in force."""
        current = self.in_force()
        joined = candidate if current is None or since is None else splice(current, candidate, since)
        if current is not None and joined.version == current.version:
            return self.entries()[-1]  # the same prices, of the same day: nothing to put in force
        save_book(joined, self._path(joined.version))
        entry = msgspec.structs.replace(entry, version=joined.version, source=candidate.source, effective_us=since)
        replace(self._folder / "index.json", msgspec.json.encode((*self.entries(), entry)))
        return entry

    def _path(self, version: str) -> Path:
        return self._folder / "books" / f"{version}.json"

    def _now_us(self) -> int:
        return int(self._clock.now() * _SECOND_US)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def age_days(book: PriceBook, clock: Clock) -> int:
    """Whole days (UTC) since the day up to which the book's source is known to have followed prices."""
    return (datetime.fromtimestamp(clock.now(), UTC).date() - book.as_of).days


def _doubts(current: PriceBook, candidate: PriceBook, *, correction: bool) -> Iterator[str]:
    if correction:
        yield "it reprices calls that were already priced"
    if candidate.as_of < current.as_of:
        yield f"its prices are of {candidate.as_of}, and those in force of {current.as_of}"


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError([Mistake("", f"cannot be read ({error}); restore it", file=str(path))]) from error


def _person(text: str, what: str) -> str:
    if not text.strip():
        raise _refused(f"the {what} is missing")
    return text.strip()


def _refused(message: str) -> ConfigError:
    return ConfigError([Mistake("prices", message)])
