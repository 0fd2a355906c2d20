"""From the section `costs` and the data directory to an open ledger. Drivers are imported when they are needed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from stackledger.domains.cost.config import CostSettings
from stackledger.domains.cost.loaded import declared_of
from stackledger.ledger.asking import StateReply
from stackledger.ledger.budgets.budget import Budget
from stackledger.ledger.budgets.reservations import Reservations
from stackledger.ledger.budgets.status import BudgetStatus, spent_in, status_of
from stackledger.ledger.inbox import Inbox
from stackledger.ledger.periods import zone_named
from stackledger.ledger.service import LedgerService

if TYPE_CHECKING:
    from stackledger.clock import Clock
    from stackledger.ledger.engines.base import Engine
    from stackledger.ledger.prices.resolve import Resolver
    from stackledger.ledger.upkeep.copies import Places

_HASH_DIGITS = 32  # 128 bits: no two users of one organisation ever share them


PROGRAM = "stackledger"
"""Who asks for the first price book."""


def prices_path(data_dir: Path) -> Path:
    """Where the price books are."""
    return data_dir / "prices"


def inbox_path(data_dir: Path) -> Path:
    """Where accepted bodies wait."""
    return data_dir / "inbox.sqlite"


def places_of(data_dir: Path) -> Places:
    """Where the parts of a ledger are."""
    from stackledger.ledger.upkeep.copies import Places  # noqa: PLC0415 - numpy

    return Places(
        data_dir / "ledger.duckdb", inbox_path(data_dir), data_dir / "reservations.sqlite", prices_path(data_dir)
    )


def open_engine(settings: CostSettings, data_dir: Path) -> Engine:
    """The ledger, for writing. Raises StorageError when it cannot be opened or another process holds it."""
    if settings.postgres is not None:
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - a driver

        from stackledger.ledger.engines.postgres.engine import PostgresEngine  # noqa: PLC0415 - a driver

        secret = settings.postgres.password
        password = {"password": secret.read()} if secret is not None else {}
        return PostgresEngine(make_conninfo(settings.postgres.conninfo, **password), settings.postgres.schema_name)
    from stackledger.ledger.engines.duck.engine import DuckEngine  # noqa: PLC0415 - a driver

    return DuckEngine(places_of(data_dir).ledger)


def pseudonym_of(settings: CostSettings) -> Callable[[str], str] | None:
    """What the ledger keeps in place of a user's id; None where it keeps the id. Raises AuthError without the key."""
    return hash_of(settings) if settings.users.hashed else None


def hash_of(settings: CostSettings) -> Callable[[str], str] | None:
    """The keyed hash under which a user leaves the ledger; None without a key. Raises AuthError if it is not there."""
    if settings.users.hash_key is None:
        return None
    key = settings.users.hash_key.read().encode()

    def pseudonym(user: str) -> str:
        return hmac.new(key, user.encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]

    return pseudonym


class PriceSource:
    """The price book in force, read again when another one is put in force.

    The first time, the book that came with the program is put in force.
    """

    def __init__(self, settings: CostSettings, data_dir: Path, clock: Clock) -> None:
        from stackledger.ledger.prices.history import History  # noqa: PLC0415 - only where prices are needed

        self._settings = settings
        self._clock = clock
        self._index = prices_path(data_dir) / "index.json"
        self.history = History(prices_path(data_dir), clock)
        self._seen: tuple[int, int] | None = None
        self._resolver: Resolver | None = None
        self._as_of_s = 0.0

    def current(self) -> Resolver:
        """What prices calls now. Raises ConfigError when the book cannot be read."""
        seen = self._stamp()
        if self._resolver is None or seen != self._seen:
            self._resolver = self._read()
            self._seen = self._stamp()
        return self._resolver

    def age_seconds(self) -> float:
        """Time since the day up to which the book in force is known to have followed prices."""
        self.current()
        return max(0.0, self._clock.now() - self._as_of_s)

    def _read(self) -> Resolver:
        from stackledger.ledger.prices.resolve import Resolver  # noqa: PLC0415 - only where prices are needed

        book = self.history.in_force()
        if book is None:
            from stackledger.ledger.prices.compile import compile_book  # noqa: PLC0415 - takes a second to import

            today = datetime.fromtimestamp(self._clock.now(), UTC).date()
            self.history.propose(compile_book(today), PROGRAM)
            book = self.history.in_force() or compile_book(today)
        self._as_of_s = datetime(book.as_of.year, book.as_of.month, book.as_of.day, tzinfo=UTC).timestamp()
        return Resolver(book, self._settings.prices.agreed())

    def _stamp(self) -> tuple[int, int] | None:
        """What changes when another book is put in force."""
        try:
            status = self._index.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_ino


class OpenLedger:
    """Everything of a ledger, opened for writing in this process."""

    def __init__(
        self,
        settings: CostSettings,
        data_dir: Path,
        clock: Clock,
        state: Callable[[], StateReply] = StateReply,
        *,
        prometheus_url: str = "",
    ) -> None:
        """`prometheus_url` is who tells the number of active users, where the settings say so."""
        from stackledger.ledger.apply import Applier  # noqa: PLC0415 - numpy
        from stackledger.ledger.pulls.runner import Pulls  # noqa: PLC0415 - httpx
        from stackledger.ledger.upkeep.keeper import Keeper  # noqa: PLC0415 - numpy

        self.engine = open_engine(settings, data_dir)
        try:
            self.inbox = Inbox(inbox_path(data_dir))
            self.inbox.go_on_after(self.engine.progress())
            self.prices = PriceSource(settings, data_dir, clock)
            pseudonym = pseudonym_of(settings)
            self.budgets = [one.budget(settings.zone) for one in settings.budgets]
            self.reservations = Reservations(places_of(data_dir).reservations, self.budgets, self._spent)
            self.applier = Applier(self.inbox, self.engine, self.prices.current, pseudonym)
            self.pulls = Pulls(self.engine, settings.pulls, clock)
            self.keeper = Keeper(
                self.engine,
                self.applier,
                self.reservations,
                places_of(data_dir),
                clock,
                pseudonym=hash_of(settings),
                keep_days=settings.keep_days,
            )
        except BaseException:
            self.engine.close()
            raise
        self.service = LedgerService(
            self.engine,
            self.prices.current,
            clock,
            pseudonym=pseudonym,
            zone=zone_named(settings.zone),
            reservations=self.reservations,
            keeper=self.keeper,
            pulls=self.pulls,
            state=state,
            declared=declared_of(settings, prometheus_url),
        )

    def budget_statuses(self, now_us: int) -> list[BudgetStatus]:
        """Every budget now."""
        return [status_of(self.engine, one, self.reservations.held(one, now_us), now_us) for one in self.budgets]

    def _spent(self, budget: Budget, period: str) -> tuple[int, int]:
        return spent_in(self.engine, budget, period)

    def apply_all(self) -> None:
        """Take in everything that waits in the inbox."""
        while self.applier.run_once() is not None:
            self.inbox.applied(self.applier.through, 0)

    def close(self) -> None:
        """Close the store and the inbox."""
        self.keeper.end()
        self.pulls.end()
        self.service.comparisons.close()
        self.engine.close()
        self.inbox.close()
        self.reservations.close()
