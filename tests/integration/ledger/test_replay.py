"""Whatever comes again, in whatever order and company, is counted once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackledger.ledger.engines.base import Engine, Refused
from stackledger.ledger.event import Reason, Refusal, UsageEvent
from tests.integration.ledger.building import Ledger, event, reference, varied

_calls = st.tuples(
    st.integers(0, 5),  # the id
    st.sampled_from(["s0", "s1"]),
    st.sampled_from([0, 24 * 60]),
    st.sampled_from([10, 10, 10, 11]),  # sometimes another body
)
_batches = st.lists(st.lists(_calls, max_size=6), min_size=1, max_size=6)


@given(batches=_batches, reopened=st.integers(0, 5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_first_body_of_a_key_stays(
    new_place: Callable[[], Callable[[], Engine]], batches: list[list[tuple[int, str, int, int]]], reopened: int
) -> None:
    events = [[event(n, source=s, minutes=m, tokens=t) for n, s, m, t in batch] for batch in batches]
    open_engine = new_place()
    engine = open_engine()
    try:
        for number, batch in enumerate(events):
            if number == reopened:
                engine.close()
                engine = open_engine()
            known = reference(events[:number])
            new = reference([*events[:number], batch])
            applied = Ledger(engine).put(batch, number + 1)
            same = sum(new[one.source, one.time.date(), one.id][0] == one for one in batch) - (len(new) - len(known))
            assert applied.stored == len(new) - len(known)
            assert applied.duplicates == same
            assert len(applied.conflicts) == len(batch) - applied.stored - same
        ledger = Ledger(engine)
        expected = sorted(
            (s, i, one.usage.input_uncached, cost) for (s, _, i), (one, cost) in reference(events).items()
        )
        assert expected == sorted(
            engine.query(
                "SELECT s.name, c.id, c.input_uncached, c.cost FROM llm_call c JOIN source s ON s.id = c.source_id"
            )
        )
        assert ledger.consistent()
    finally:
        engine.close()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 1, 0, 2, 0, 1, 2, 2), (0, 2, 2, 2, 1)])
def test_any_order_and_number_of_times_gives_the_same_ledger(
    new_place: Callable[[], Callable[[], Engine]], order: Sequence[int]
) -> None:
    batches = [varied(range(80)), varied(range(60, 140)), varied(range(130, 220))]
    states = []
    for chosen in ((0, 1, 2), order):
        engine = new_place()()
        ledger = Ledger(engine)
        seen: list[list[UsageEvent]] = []
        for number, which in enumerate(chosen, start=1):
            seen.append(batches[which])
            applied = ledger.put(batches[which], number)
            assert applied.duplicates == sum(map(len, seen)) - len(reference(seen)) - sum(
                len(seen[k]) - (len(reference(seen[: k + 1])) - len(reference(seen[:k]))) for k in range(number - 1)
            )
            assert not applied.conflicts
        states.append(ledger.state())
        engine.close()
    assert states[0] == states[1]


def test_a_retry_of_the_last_commit_changes_nothing(ledger: Ledger) -> None:
    """The store may have kept a commit whose answer was lost: rows, refusals and progress come again."""
    refused = [Refused(2, 5, Refusal(Reason.MALFORMED, "no time", "x", "s"))]
    ledger.put([event(1)], 1)
    first = ledger.put([event(1, tokens=99), event(2)], 2, refused)
    assert (first.stored, len(first.conflicts), first.refused.total()) == (1, 1, 2)
    before = (ledger.state(), ledger.engine.query("SELECT * FROM refusal"))
    again = ledger.put([event(1, tokens=99), event(2)], 2, refused)
    assert (again.stored, again.duplicates, len(again.conflicts), again.refused.total()) == (0, 1, 1, 0)
    assert ledger.put([event(1)], 1).duplicates == 1  # even one from before: the progress never goes back
    assert (ledger.state(), ledger.engine.query("SELECT * FROM refusal")) == before
    assert ledger.engine.progress() == 2


def test_a_conflict_is_refused_and_the_first_stays(ledger: Ledger) -> None:
    ledger.put([event(1, tokens=10), event(2, team="a")], 1)
    for number, other in enumerate([event(1, tokens=11), event(1, model="m2"), event(2, provider="q")], start=2):
        applied = ledger.put([other], number)
        assert (applied.stored, applied.duplicates, applied.refused.total()) == (0, 0, 1)
        (conflict,) = applied.conflicts
        assert (conflict.batch, conflict.received_us, conflict.refusal.reason) == (number, number * 1000, "conflict")
        assert (conflict.refusal.id, conflict.refusal.source) == (other.id, "s")
    assert ledger.one("SELECT sum(input_uncached) FROM llm_call") == 20
    found = ledger.engine.query("SELECT batch, id, source, reason FROM refusal ORDER BY batch")
    assert found == [(2, "call-1", "s", "conflict"), (3, "call-1", "s", "conflict"), (4, "call-2", "s", "conflict")]


def test_twins_in_one_commit(ledger: Ledger) -> None:
    applied = ledger.put([event(1), event(2), event(1), event(1, tokens=3), event(2, source="t")], 1)
    assert (applied.stored, applied.duplicates, len(applied.conflicts)) == (3, 1, 1)
    # A retry of what is stored stays one, also when a wrong body stands before it in the same commit.
    applied = ledger.put([event(1, tokens=3), event(1), event(1)], 2)
    assert (applied.stored, applied.duplicates, len(applied.conflicts)) == (0, 2, 1)
    assert ledger.consistent()


def test_the_same_call_told_by_another_reporter_is_counted_once_and_stays_as_it_came_first(ledger: Ledger) -> None:
    """A gateway and a library tell one call at times, and with attributes, of their own."""
    ledger.put([event(1, tokens=10, team="a", user="u")], 1)
    before = ledger.state()
    told = [event(1, tokens=10, minutes=1), event(1, tokens=10, team="b"), event(1, tokens=10, user="v", feature="f")]
    for number, other in enumerate(told, start=2):
        applied = ledger.put([other], number)
        assert (applied.stored, applied.duplicates, applied.refused.total()) == (0, 1, 0)
    assert ledger.state() == before
    assert ledger.put([event(5, team="a"), event(5, team="b")], 9).duplicates == 1
    assert ledger.put([event(6, model="m1"), event(6, model="m2")], 10).refused.total() == 1


def test_one_provider_has_one_name_however_it_was_told(ledger: Ledger) -> None:
    ledger.put([event(1, provider="aws.bedrock"), event(2, provider="bedrock"), event(3, provider="aws")], 1)
    assert ledger.engine.query("SELECT DISTINCT provider FROM context") == [("aws",)]
