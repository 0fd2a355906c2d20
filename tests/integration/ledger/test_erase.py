"""A user is erased: no total moves, the id is nowhere, and what comes later begins anew. On both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackledger.clock import ManualClock
from stackledger.ledger.apply import Applier
from stackledger.ledger.budgets.budget import Budget, Cadence
from stackledger.ledger.budgets.reservations import Reservations
from stackledger.ledger.engines.base import Engine, Refused
from stackledger.ledger.event import Reason, Refusal
from stackledger.ledger.inbox import Inbox, Waiting
from stackledger.ledger.record import Record, encode
from stackledger.ledger.upkeep.asking import EraseRequest
from stackledger.ledger.upkeep.copies import Places
from stackledger.ledger.upkeep.keeper import Keeper
from tests.integration.ledger.building import PRICES, Ledger, event


class Kept:
    """A ledger with an inbox and whoever keeps them."""

    def __init__(self, engine: Engine, folder: Path, pseudonym: Callable[[str], str] | None = None, **options: Any):
        self.engine = engine
        self.ledger = Ledger(engine)
        self.places = Places(
            folder / "ledger.duckdb", folder / "inbox.sqlite", folder / "reservations.sqlite", folder / "prices"
        )
        self.inbox = Inbox(folder / "inbox.sqlite")
        self.applier = Applier(self.inbox, engine, lambda: PRICES, pseudonym)
        everything = Budget("all", 10**15, Cadence.MONTH, "UTC", {}, hard=True)
        self.reservations = Reservations(folder / "reservations.sqlite", [everything], lambda *_: (0, 0))
        self.clock = ManualClock()
        self.keeper = Keeper(
            engine,
            self.applier,
            self.reservations,
            self.places,
            self.clock,
            pseudonym=pseudonym,
            **{"keep_days": 800, **options},
        )

    def accept(self, *events: Any) -> None:
        self.inbox.append([Waiting(1, len(events), encode(Record(events)))])

    def apply(self) -> None:
        while self.applier.run_once() is not None:
            pass

    def by_user(self) -> dict[str, int]:
        return dict(
            self.engine.query(
                "SELECT p.name, count(*) FROM llm_call c JOIN person p ON p.id = c.person GROUP BY p.name"
            )
        )

    def close(self) -> None:
        self.inbox.close()
        self.reservations.close()


@pytest.fixture
def kept(engine: Engine, tmp_path: Path):
    one = Kept(engine, tmp_path)
    yield one
    one.close()


def test_the_entry_is_replaced_totals_stay_and_later_events_begin_anew(kept: Kept) -> None:
    kept.accept(*(event(n, user=("ada", "ben")[n % 2]) for n in range(10)))
    kept.apply()
    before = kept.engine.query("SELECT sum(cost), count(*) FROM llm_call"), kept.engine.query("SELECT * FROM quarter")
    numbers = dict(kept.engine.query("SELECT name, id FROM person"))
    done = kept.keeper.erase(EraseRequest("ada"))
    assert done.names == [f"erased-{numbers['ada']}"]
    assert kept.by_user() == {done.names[0]: 5, "ben": 5}
    after = kept.engine.query("SELECT sum(cost), count(*) FROM llm_call"), kept.engine.query("SELECT * FROM quarter")
    assert after == before
    kept.accept(event(100, user="ada"), event(0, user="ada"))
    kept.apply()
    assert kept.by_user() == {done.names[0]: 5, "ben": 5, "ada": 1}
    found = dict(kept.engine.query("SELECT name, id FROM person WHERE erased IS NULL"))
    assert found["ada"] not in numbers.values()
    kept.clock.step_wall(1)
    again = kept.keeper.erase(EraseRequest("ada"))
    assert again.names == [f"erased-{found['ada']}"]
    kept.clock.step_wall(1)
    assert kept.keeper.erase(EraseRequest("nobody")).names == []


def test_it_is_forgotten_over_a_restart_and_a_user_of_that_name_is_another(
    open_engine: Callable[[], Engine], tmp_path: Path
) -> None:
    engine = open_engine()
    kept = Kept(engine, tmp_path)
    kept.accept(event(1, user="ada"))
    kept.apply()
    (name,) = kept.keeper.erase(EraseRequest("ada")).names
    engine.close()
    engine = open_engine()
    (number,) = engine.people(["ada"])
    (impostor,) = engine.people([name])
    assert engine.query("SELECT id FROM person WHERE id IN (?, ?)", [number, impostor]) == []
    kept.close()


def test_the_id_leaves_the_inbox_refusals_and_reservations(kept: Kept, tmp_path: Path) -> None:
    user = "ada@example.com"
    kept.reservations.reserve("r", {"user": user, "team": "a"}, 5, 10**15, 60)
    refused = Refusal(Reason.MALFORMED, "no model", user, "s")
    kept.accept(event(1, user=user), event(2))
    kept.apply()
    kept.ledger.put([], 99, [Refused(99, 1, refused)])
    kept.accept(event(3, user=user))
    kept.accept(event(4, user="other"))
    kept.applier.through = 1  # the test's refusal took a number of its own
    done = kept.keeper.erase(EraseRequest(user))
    assert (done.batches, done.reservations) == (2, 1)
    kept.apply()
    assert kept.engine.query("SELECT id FROM refusal") == [("",)]
    for file in (tmp_path / "inbox.sqlite", tmp_path / "inbox.sqlite-wal"):
        assert user.encode() not in (file.read_bytes() if file.exists() else b"")
    assert all(one.user != user for batch in kept.inbox.read(0, 10**6) for one in _events(batch.body))
    assert kept.reservations.reserve("r", {"user": "", "team": "a"}, 5, 10**15, 60).granted


def _events(body: bytes) -> Any:
    from stackledger.ledger.record import decode

    return decode(body).events


def test_what_waits_counts_for_nobody(kept: Kept) -> None:
    kept.accept(event(1, user="ada"), event(2, user="ben"))
    kept.keeper.erase(EraseRequest("ada"))
    kept.apply()
    assert kept.by_user() == {"": 1, "ben": 1}


def test_a_plain_id_is_enough_where_the_ledger_keeps_hashes(engine: Engine, tmp_path: Path) -> None:
    kept = Kept(engine, tmp_path, lambda user: f"h-{user[::-1]}")
    kept.accept(event(1, user="ada"), event(2, user="ben"))
    kept.apply()
    assert kept.by_user() == {"h-ada": 1, "h-neb": 1}
    (name,) = kept.keeper.erase(EraseRequest("ada")).names
    assert kept.by_user() == {name: 1, "h-neb": 1}
    kept.close()


def test_erasing_while_commits_go_on_loses_no_call(kept: Kept) -> None:
    """Numbers that were given before the erasure stay valid for what was under way."""
    ended = threading.Event()
    trouble: list[BaseException] = []

    def feed() -> None:
        try:
            for n in range(60):
                kept.accept(*(event(f"{n}-{k}", user=("ada", "ben")[k % 2]) for k in range(10)))
                kept.apply()
        except BaseException as error:  # noqa: BLE001 - told by the test
            trouble.append(error)
        ended.set()

    feeding = threading.Thread(target=feed)
    feeding.start()
    erased: list[str] = []
    while not ended.wait(0.02):
        kept.clock.step_wall(1)
        erased += kept.keeper.erase(EraseRequest("ada")).names
    feeding.join()
    kept.clock.step_wall(1)
    erased += kept.keeper.erase(EraseRequest("ada")).names
    assert not trouble
    assert len(erased) > 1
    by_user = kept.by_user()
    assert sum(by_user.values()) == 600
    assert by_user["ben"] == 300
    assert set(by_user) <= {"ben", "", *erased}
    assert kept.ledger.consistent()
    # Rows that were numbered before an erasure, and are stored after it, belong to the erased entry.
    rows = kept.ledger._applier.rows(_gathered(event("late", user="cleo")), {})
    kept.engine.edit([], forget=["cleo"])
    kept.engine.apply(rows, [], kept.engine.progress())
    assert kept.by_user()["cleo"] == 1


def _gathered(*events: Any) -> Any:
    from stackledger.ledger.apply import Gathered

    return Gathered(list(events), [10**9] * len(events), [], 10**9)
