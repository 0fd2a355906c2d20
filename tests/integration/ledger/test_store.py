"""What is kept beside the calls: names, refusals, progress; odd texts; reads while a commit is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from stackledger.ledger.apply import Applier
from stackledger.ledger.dimensions import context_of
from stackledger.ledger.engines.base import Engine, Refused
from stackledger.ledger.event import Reason, Refusal
from stackledger.ledger.inbox import Inbox, Waiting
from stackledger.ledger.record import Record, encode
from tests.integration.ledger.building import PRICES, Ledger, event, varied

ODD = [
    "é",
    "😀" * 50,
    "a'b",
    'a"b',
    "a\\b",
    "a\tb\nc\r",
    "NULL",
    "\\N",
    "{}",
    "{a,b}",
    " ",
    "%s ?",
    "x" * 200,
    "\x7f\x01",
]


def test_odd_ids_and_names_come_back_as_they_are(ledger: Ledger) -> None:
    events = [event(text, user=text, team=text, model=text, tags={text[:64]: text}) for text in ODD]
    assert ledger.put(events, 1).stored == len(ODD)
    assert ledger.put(events, 2).duplicates == len(ODD)
    found = ledger.engine.query(
        "SELECT c.id, p.name, x.team, x.model FROM llm_call c JOIN context x ON x.id = c.context"
        " JOIN person p ON p.id = c.person"
    )
    assert sorted(found) == sorted((text,) * 4 for text in ODD)
    assert ledger.engine.query("SELECT id FROM llm_call WHERE id = ? AND 'a?%' = 'a?%'", ["%s ?"]) == [("%s ?",)]


def test_a_nul_is_refused_and_wedges_nothing(engine: Engine, tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox.sqlite")
    events = [event("a\0b"), event(1, user="u\0"), event(2, team="\0"), event(3, tags={"t": "x\0"}), event(4)]
    refusal = Refusal(Reason.MALFORMED, "a\0 field", "i\0d", "s\0")
    inbox.append([Waiting(7, len(events), encode(Record(events, [refusal])))])
    applied = Applier(inbox, engine, lambda: PRICES).run_once()
    assert applied is not None
    assert (applied.stored, applied.refused.total()) == (2, 4)
    found = engine.query("SELECT id, source, reason, detail FROM refusal ORDER BY id")
    assert [(one[0], one[2]) for one in found] == [
        ("a\u2400b", "malformed"), ("call-1", "malformed"), ("call-2", "malformed"), ("i\u2400d", "malformed"),
    ]  # fmt: skip
    assert found[-1][1:] == ("s\u2400", "malformed", "a\u2400 field")
    assert engine.progress() == 1
    inbox.close()


def test_names_keep_their_numbers(open_engine: Callable[[], Engine]) -> None:
    engine = open_engine()
    events = varied(range(40))

    def numbers(engine: Engine) -> list[list[int]]:
        return [
            engine.sources([one.source for one in events]),
            engine.contexts([context_of(one) for one in events]),
            engine.people([one.user for one in events]),
            engine.rates([("book-1", '{"pico":8}'), ("book-2", '{"pico":8}')]),
        ]

    before = numbers(engine)
    assert numbers(engine) == before
    Ledger(engine).put(events, 1)
    assert numbers(engine) == before
    engine.close()
    engine = open_engine()
    assert numbers(engine) == before
    (new,) = engine.people(["somebody new"])
    assert new > max(before[2])
    for table in ("source", "context", "person", "rate"):
        ids = [one for (one,) in engine.query(f"SELECT id FROM {table}")]
        assert len(set(ids)) == len(ids)


def test_refusals_are_kept_also_without_any_call(ledger: Ledger) -> None:
    refused = [Refused(3, 1_700, Refusal(reason, "why", f"id-{reason}", "s")) for reason in Reason]
    applied = ledger.put([], 3, refused)
    assert (applied.stored, applied.refused.total()) == (0, len(Reason))
    found = ledger.engine.query("SELECT batch, received, source, id, reason, detail FROM refusal ORDER BY id")
    assert found == sorted(
        ((3, 1_700, "s", f"id-{reason}", str(reason), "why") for reason in Reason), key=lambda r: r[3]
    )
    assert ledger.engine.progress() == 3


def test_reads_see_only_whole_commits_and_do_not_wait(ledger: Ledger) -> None:
    size, seen, trouble = 500, [], []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                row = ledger.one(
                    "SELECT (SELECT count(*) FROM llm_call), (SELECT sum(events) FROM quarter),"
                    " (SELECT inbox FROM progress)"
                )
                seen.append((row[0], row[1] or 0, row[2]))
        except Exception as error:  # noqa: BLE001 - told by the test
            trouble.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for one in readers:
        one.start()
    for batch in range(1, 16):
        ledger.put(varied(range(batch * size, (batch + 1) * size)), batch)
    done.set()
    for one in readers:
        one.join()
    assert not trouble
    assert all(calls == events == progress * size for calls, events, progress in seen)
    assert len({progress for _, _, progress in seen}) > 1


@pytest.mark.parametrize("parameters", [[1, "a"], [2**40, "b?"]])
def test_parameters(ledger: Ledger, parameters: list[object]) -> None:
    assert ledger.engine.query("SELECT CAST(? AS BIGINT), CAST(? AS VARCHAR), '100%'", parameters) == [
        (*parameters, "100%")
    ]
