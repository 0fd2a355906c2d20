"""What an engine can do, and the tables that every engine has.

The tables are the same everywhere, so that a report is one SQL text: only how rows get in differs.

llm_call     one row per call, never changed: the key is (source, day, id); cost is NULL while no price is known
correction   what later changed the cost of a call, as a difference; never changed either
quarter      sums of both by quarter of an hour (UTC) and context, appended with each commit and compacted later
context, person, rate, source   what the numbers in rows mean
refusal      events that were not taken, with the reason
progress     the number in the inbox up to which all is applied
charge       lines of bills, with the delivery that brought each and the one that replaced it; never summed with calls
statement    closed months: what was signed, and later what changed it
position     the same for each partition of a topic in Kafka, and how many commits came by topics
kept         the first day whose calls are all there; of days before it only the sums are
job          work of the calendar that was done, by name and day
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.charges.charge import CHARGE_FIELDS, WIDE_FIELDS, Change
from stackledger.ledger.dimensions import CONTEXT_FIELDS, Context
from stackledger.ledger.event import Refusal
from stackledger.ledger.rows import Rows

SCHEMA_VERSION: Final = 1


def schema(wide: str, *, text: str = "VARCHAR", calls: str = "llm_call", count: str = "BIGINT NOT NULL") -> list[str]:
    """The statements that make the tables.

    `wide` is the type of sums and `text` of names; `calls` the name of the table behind llm_call and `count` the type
    of its buckets.
    """
    context_columns = ", ".join(f"{name} {text} NOT NULL" for name in CONTEXT_FIELDS)
    call = (
        f"source_id INTEGER NOT NULL, day INTEGER NOT NULL, id {text} NOT NULL, ts BIGINT NOT NULL,"
        " context INTEGER NOT NULL, person INTEGER NOT NULL, rate INTEGER NOT NULL, cost BIGINT, batch BIGINT NOT NULL,"
        f" {', '.join(f'{name} {count}' for name in BUCKETS)}"
    )
    correction = (
        f"number BIGINT NOT NULL, made BIGINT NOT NULL, cause {text} NOT NULL, source_id INTEGER NOT NULL,"
        f" day INTEGER NOT NULL, id {text} NOT NULL, ts BIGINT NOT NULL, context INTEGER NOT NULL,"
        " person INTEGER NOT NULL, rate_before INTEGER NOT NULL, rate INTEGER NOT NULL, cost_before BIGINT, cost BIGINT"
    )
    quarter = (
        "quarter INTEGER NOT NULL, context INTEGER NOT NULL, events BIGINT NOT NULL, unpriced BIGINT NOT NULL,"
        f" cost {wide} NOT NULL, {', '.join(f'{name} BIGINT NOT NULL' for name in BUCKETS)}"
    )
    refusal = (
        f"batch BIGINT NOT NULL, received BIGINT NOT NULL, source {text} NOT NULL, id {text} NOT NULL,"
        f" reason {text} NOT NULL, detail {text} NOT NULL"
    )
    charge = ", ".join(f"{name} {_charge_type(name, wide, text)}" for name in CHARGE_FIELDS)
    statement = (
        f"number INTEGER NOT NULL, month {text} NOT NULL, zone {text} NOT NULL, made BIGINT NOT NULL,"
        f" signed {text} NOT NULL, role {text} NOT NULL, cause {text} NOT NULL, delivery INTEGER NOT NULL,"
        f" sha256 {text} NOT NULL, facts {text} NOT NULL"
    )
    position = f"topic {text} NOT NULL, part INTEGER NOT NULL, next_offset BIGINT NOT NULL, PRIMARY KEY (topic, part)"
    return [
        f"CREATE TABLE source (id INTEGER PRIMARY KEY, name {text} NOT NULL UNIQUE)",
        f"CREATE TABLE context (id INTEGER PRIMARY KEY, source_id INTEGER NOT NULL, {context_columns})",
        f"CREATE TABLE person (id INTEGER PRIMARY KEY, name {text} NOT NULL, erased BIGINT)",
        f"CREATE TABLE rate (id INTEGER PRIMARY KEY, book {text} NOT NULL, facts {text} NOT NULL)",
        f"CREATE TABLE {calls} ({call})",
        f"CREATE TABLE correction ({correction})",
        f"CREATE TABLE quarter ({quarter})",
        f"CREATE TABLE refusal ({refusal})",
        (
            f"CREATE TABLE charge (id INTEGER NOT NULL, delivery INTEGER NOT NULL, imported BIGINT NOT NULL, {charge},"
            " superseded INTEGER)"
        ),
        f"CREATE TABLE statement ({statement})",
        "CREATE TABLE progress (inbox BIGINT NOT NULL)",
        "INSERT INTO progress VALUES (0)",
        f"CREATE TABLE position ({position})",
        "CREATE TABLE kept (calls_from INTEGER NOT NULL)",
        "INSERT INTO kept VALUES (0)",
        f"CREATE TABLE job (name {text} NOT NULL, day INTEGER NOT NULL, done BIGINT NOT NULL)",
    ]


def _charge_type(name: str, wide: str, text: str) -> str:
    """The type of a column of charges; what a bill may leave untold may be NULL."""
    if name in WIDE_FIELDS:
        return wide if name != "billed" else f"{wide} NOT NULL"
    if name == "corrects":
        return "BOOLEAN NOT NULL"
    return "BIGINT NOT NULL" if name.endswith("_us") else f"{text} NOT NULL"


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal with when and with which batch it came."""

    batch: int
    received_us: int
    refusal: Refusal


class Corrected(NamedTuple):
    """A new price of one call, which stays as it is: the difference is kept beside it."""

    source_id: int
    day: int
    id: str
    ts: int
    context: int
    person: int
    rate_before: int
    rate: int
    cost_before: int | None
    cost: int | None


class Statement(NamedTuple):
    """A closed month, or a numbered correction of one. `facts` is JSON, whose hash is `sha256`."""

    number: int
    month: str
    zone: str
    made: int
    signed: str
    role: str
    cause: str
    delivery: int
    sha256: str
    facts: str


class Edit(NamedTuple):
    """A statement of upkeep, the same on every engine. Parameters are written as `?`."""

    sql: str
    parameters: Sequence[object] = ()


Positions: TypeAlias = Mapping[tuple[str, int], int]
"""The next offset to read of each topic and partition."""

TOPIC_BATCH: Final = 1 << 62
"""What came by a topic has this number and more: above any of the inbox, whose progress says nothing of it.

Each commit of it has the next one, so that a closed month tells which it counts; the first ledgers had this alone.
"""
TOPIC_COMMITS: Final = ("", 0)
"""The position that tells how many commits came by topics: it is stored in the same transaction as their rows."""

STORE_POSITION: Final = (
    "INSERT INTO position (topic, part, next_offset) VALUES (?, ?, ?)"
    " ON CONFLICT (topic, part) DO UPDATE SET next_offset = excluded.next_offset"
)


@dataclass(slots=True)
class Applied:
    """What became of the rows of one commit. `conflicts` are rows whose id is known with another body."""

    stored: int = 0
    duplicates: int = 0
    conflicts: list[Refused] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """Events that were not taken, by reason; conflicts are among them."""


class Engine(Protocol):
    """One ledger, opened for writing by one process. Every method raises StorageError when the store fails.

    After an error the engine is as it was before the call, and the call may be tried again. Where a connection was lost
    it is only known later whether the call had gone through: ask `progress` before going on, and the numbers again.
    """

    @property
    def changes(self) -> int:
        """Grows with everything that is stored, also when it only may have been: the same number, the same ledger."""

    def progress(self) -> int:
        """The number in the inbox up to which everything is stored."""

    def positions(self, topic: str) -> dict[int, int]:
        """The next offset to read of each partition of a topic, as it is stored."""

    def contexts(self, wanted: Sequence[Context]) -> list[int]:
        """Numbers of the contexts; new ones are stored by the next `apply`."""

    def people(self, wanted: Sequence[str]) -> list[int]:
        """Numbers of the users; new ones are stored by the next `apply`."""

    def rates(self, wanted: Sequence[tuple[str, str]]) -> list[int]:
        """Numbers of the rates, each told as (book, facts as JSON); new ones are stored by the next `apply`."""

    def sources(self, wanted: Sequence[str]) -> list[int]:
        """Numbers of the sources; new ones are stored by the next `apply`."""

    def apply(
        self, rows: Rows, refused: Sequence[Refused], through: int, positions: Positions | None = None
    ) -> Applied:
        """Store what is new of the rows, the refusals, the progress and the positions, in one transaction.

        Batches up to the progress are a retry of what is stored: their rows are found to be duplicates, their
        refusals are not stored again, and the progress never goes back.
        """

    def correct(self, corrections: Sequence[Corrected], cause: str, made_us: int) -> int:
        """Store corrections and their sums in one transaction; the number they share, which is new."""

    def charge(self, change: Change) -> int:
        """Store a delivery of charges in one transaction; its number, which is new.

        Raises StorageError when another delivery came since the one that the change was worked out against.
        """

    def state_month(self, statement: Statement) -> None:
        """Store a statement of a month. Raises StorageError when the month already has one of that number."""

    def edit(self, edits: Sequence[Edit], forget: Sequence[str] = ()) -> list[int]:
        """Run statements of upkeep in one transaction; how many rows each touched.

        New names are stored first. The numbers of the users in `forget` are then looked up again.
        """

    def backup(self, folder: Path) -> bool:
        """Write a copy of the ledger, as of one instant, into the folder; False where its server has ways of its own.

        Commits go on meanwhile.
        """

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Rows of a read. Parameters are written as `?`. May be called from any thread."""

    def size_bytes(self) -> int:
        """What the ledger takes on the disk, with its indexes."""

    def close(self) -> None:
        """Close the store."""


def topic_commits(engine: Engine) -> int:
    """How many commits came by topics. Raises StorageError."""
    topic, part = TOPIC_COMMITS
    return engine.positions(topic).get(part, 0)


NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "source": ("name",),
    "context": ("source_id", *CONTEXT_FIELDS),
    "person": ("name",),
    "rate": ("book", "facts"),
}
"""The tables that give numbers to names, with the columns that a name has."""
