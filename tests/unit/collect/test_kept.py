from __future__ import annotations

import math
from typing import Any

import pytest

from stackledger.collect.breaker import Breaker
from stackledger.collect.kept import Kept
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import ConnectError, DeclarationError
from tests.unit.collect.fakes import LOAD, NOW, SIZE, TOTAL, WAIT

GONE = ConnectError("gone")


def part(instance: str = "a", **values: float) -> Part:
    made = Part(0.0, instance=instance)
    for name, metric in (("load", LOAD), ("now", NOW), ("total", TOTAL)):
        made.add(metric, values.get(name))
    made.add(SIZE, values.get("size"), "s")
    return made


def names(kept: Kept, name: str = "a") -> set[str]:
    return {metric.name.removeprefix("stackledger_") for metric in kept.parts[name].rows}


def test_what_is_missed_is_held_or_dropped_after_its_number_of_sweeps() -> None:
    kept = Kept()
    kept.merge(Snapshot({"a": part(load=1, now=2, size=3)}))
    failed = Snapshot({}, failed={"a": GONE})
    for expected in ({"load_ratio", "size_bytes"}, {"load_ratio", "size_bytes"}, {"size_bytes"}, {"size_bytes"}):
        kept.merge(failed)
        assert names(kept) == expected
    kept.merge(Snapshot({"a": part(load=5)}))
    assert names(kept) == {"load_ratio"}, "a complete read is the whole truth"
    kept.merge(failed)
    kept.merge(failed)
    assert names(kept) == {"load_ratio"}, "the count of misses began anew"


def test_a_series_that_comes_twice_is_cut_in_every_sweep() -> None:
    kept = Kept()
    for _ in range(3):
        twice = part(load=1)
        twice.add(LOAD, 2)
        kept.merge(Snapshot({"a": twice}))
        assert (kept.cut, kept.series) == (1, 1)
    kept.merge(Snapshot({"a": part(load=3)}))
    assert (kept.cut, kept.series) == (0, 1)


def test_a_sweep_that_got_nothing_misses_every_part() -> None:
    kept = Kept()
    kept.merge(Snapshot({"a": part(now=1, size=1), "b": part("b", now=1)}))
    kept.miss_all()
    assert (names(kept), names(kept, "b")) == ({"size_bytes"}, set())


def test_a_part_that_is_gone_is_forgotten_and_one_that_is_only_silent_is_not() -> None:
    kept = Kept()
    kept.merge(Snapshot({"a": part(size=1), "b": part("b", size=1)}))
    kept.merge(Snapshot({"c": part("c", size=1)}, failed={"b": GONE}))
    assert kept.parts.keys() == {"b", "c"}


def test_when_an_aspect_fails_what_is_absent_is_missed_not_gone() -> None:
    kept = Kept()
    kept.merge(Snapshot({"a": part(load=1, now=1, size=1)}))
    kept.merge(Snapshot({"a": part(load=2)}, facets={"size": GONE}))
    assert names(kept) == {"load_ratio", "size_bytes"}
    assert kept.parts["a"].rows[LOAD].values == [2]
    kept.merge(Snapshot({"a": part(load=3)}, facets={"size": None}))
    assert names(kept) == {"load_ratio"}


def test_a_budget_cuts_and_says_how_much() -> None:
    kept = Kept()
    flood = Part(0.0, instance="a")
    flood.extend(SIZE, [(str(i),) for i in range(1000)], [float(i) for i in range(1000)])
    kept.merge(Snapshot({"a": flood}))
    assert kept.parts["a"].rows[SIZE].keys == [("0",), ("1",), ("2",)]
    assert (kept.series, kept.cut) == (3, 997)
    kept.merge(Snapshot({"a": part(size=1)}))
    assert kept.cut == 0


def test_a_series_that_comes_twice_is_shown_once() -> None:
    kept = Kept()
    twice = Part(0.0, instance="a")
    for value in (1, 2, 3):
        twice.add(SIZE, value, "s")
    kept.merge(Snapshot({"a": twice}))
    assert (kept.parts["a"].rows[SIZE].values, kept.cut) == ([1], 2)


def test_parts_cannot_show_one_series_together() -> None:
    """Two nodes that both tell of the whole, and two parts of one node."""
    kept = Kept()
    kept.merge(Snapshot({"a": part("a", total=1, load=1), "b": part("b", total=2, load=1)}))
    assert sum(TOTAL in one.rows and len(one.rows[TOTAL].keys) for one in kept.parts.values()) == 1
    assert sum(len(one.rows[LOAD].keys) for one in kept.parts.values()) == 2
    kept.merge(Snapshot({"a": part("x", load=1), "b": part("x", load=2)}))
    assert sum(len(one.rows[LOAD].keys) for one in kept.parts.values()) == 1
    assert kept.cut == 1
    kept.merge(Snapshot({"b": part("x", load=7)}, failed={"a": GONE}))
    assert [one.rows[LOAD].values for one in kept.parts.values() if one.rows[LOAD].keys] == [[7]], "the fresh one stays"


def test_a_histogram_is_cut_only_as_a_whole() -> None:
    flood = Part(0.0, instance="a")
    for shard in "abcd":
        flood.histogram(WAIT, shard, buckets=[(i / 10, i) for i in range(1, 40)], count=40, total=1.0)
    kept = Kept()
    kept.merge(Snapshot({"a": flood}))
    keys = kept.parts["a"].rows[WAIT].keys
    assert {key[2] for key in keys} == {"a", "b"}
    for shard in "ab":
        own = [key for key in keys if key[2] == shard]
        assert ("_bucket", "+Inf", shard) in own
        assert len(own) == 42
    assert kept.cut == 84


# -- filling a part --------------------------------------------------------------------------------------------------


WRONG: list[tuple[str, Any]] = [
    ("too few labels", lambda p: p.add(SIZE, 1.0)),
    ("too many labels", lambda p: p.add(LOAD, 1.0, "x")),
    ("a histogram by add", lambda p: p.add(WAIT, 1.0, "x")),
    ("a gauge as a histogram", lambda p: p.histogram(SIZE, "x", buckets=[], count=1)),
    ("a histogram as a summary", lambda p: p.summary(WAIT, "x", quantiles={})),
    ("a histogram without its label", lambda p: p.histogram(WAIT, buckets=[], count=1)),
    ("its own +Inf", lambda p: p.histogram(WAIT, "x", buckets=[(math.inf, 1)], count=1)),
    ("falling bounds", lambda p: p.histogram(WAIT, "x", buckets=[(2, 1), (1, 2)], count=2)),
    ("a bound twice", lambda p: p.histogram(WAIT, "x", buckets=[(1, 1), (1, 2)], count=2)),
    ("more keys than values", lambda p: p.extend(SIZE, [("a",), ("b",)], [1.0])),
    ("more values than keys", lambda p: p.extend(SIZE, [("a",)], [1.0, 2.0])),
    ("rows of another length", lambda p: p.extend(SIZE, [("a",), ("b", "c")], [1.0, 2.0])),
]


@pytest.mark.parametrize("wrong", [w[1] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_part_filled_wrongly_says_so_and_stays_whole(wrong: Any) -> None:
    made = part(size=1)
    with pytest.raises(DeclarationError, match="stackledger_"):
        wrong(made)
    assert all(len(rows.keys) == len(rows.values) for rows in made.rows.values())
    assert sum(len(rows.keys) for rows in made.rows.values()) == 1


def test_a_sample_without_labels_is_set_and_a_family_with_labels_is_not() -> None:
    made = Part(0.0)
    made.set(LOAD, 1)
    made.set(LOAD, 2)
    assert (made.rows[LOAD].keys, made.rows[LOAD].values) == ([()], [2])
    for metric in (SIZE, WAIT):
        with pytest.raises(DeclarationError, match="more than one sample"):
            made.set(metric, 1)


def test_none_adds_nothing() -> None:
    assert part().rows == {}


def test_completeness() -> None:
    a, b = part("a"), part("b")
    assert Snapshot({"a": a, "b": b}).completeness == 1
    assert Snapshot({"a": a}, failed={"b": GONE}).completeness == 0.5
    assert not Snapshot({"a": a}, failed={"b": GONE}).complete
    assert Snapshot({}).completeness == 1, "nothing exists, and all of it was read"
    assert not Snapshot({"a": a}, facets={"f": GONE}).complete


def test_the_breaker_waits_longer_up_to_five_intervals_and_closes_at_once() -> None:
    breaker, waits = Breaker(), []
    for _ in range(10_000):
        breaker.failed()
        waits.append(breaker.intervals)
    assert waits[:7] == [1, 1, 1, 2, 4, 5, 5]
    assert set(waits[7:]) == {5}
    breaker.succeeded()
    assert (breaker.open, breaker.intervals) == (False, 1)
