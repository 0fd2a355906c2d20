"""What a cluster was shown to carry: the lowest minute, against brute force; nothing is shown on partial data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackledger.integrations.kafka.state import Reading
from stackledger.integrations.kafka.topics.throughput import MINUTE, note, shown
from tests.unit.integrations.kafka.test_merge import two_brokers

HOUR = 3_600.0


def readings(rates: list[float], *, step: float = 15.0, lag: float = 0.0) -> list[Reading]:
    """One reading every `step` seconds; between two, records came at the next of `rates`; the lag grows by `lag`."""
    found = [Reading(0.0, 0, 0, 0)]
    for rate in rates:
        last = found[-1]
        grown = int(rate * step)
        found.append(Reading(last.at + step, last.produced + grown, last.consumed + grown, last.lag + int(lag * step)))
    return found


def test_a_dip_of_one_minute_is_what_counts() -> None:
    rates = [1_000.0] * 100 + [100.0] * 4 + [5_000.0] * 4 + [1_000.0] * 100
    found = shown(readings(rates), HOUR)
    assert found.lowest_produced == found.lowest_consumed == 100
    assert found.peak_produced == 5_000


def test_a_dip_that_is_shorter_than_a_minute_is_averaged_over_one() -> None:
    found = shown(readings([1_000.0] * 100 + [0.0] * 2 + [1_000.0] * 100), HOUR)
    assert found.lowest_produced == 500


def test_what_lies_before_the_window_does_not_count() -> None:
    found = shown(readings([10.0] * 40 + [1_000.0] * 240), HOUR)
    assert found.lowest_produced == 1_000
    assert found.window_seconds == HOUR


def test_less_than_a_minute_shows_no_rate() -> None:
    found = shown(readings([1_000.0] * 3), HOUR)
    assert (found.lowest_produced, found.lag_growth) == (None, None)
    assert found.reaches(1.0, HOUR) is None
    assert shown([], HOUR).window_seconds == 0


@pytest.mark.parametrize(
    ("rates", "lag", "verdict"),
    [
        ([1_000.0] * 240, 0.0, True),
        ([1_000.0] * 240, -50.0, True),
        ([1_000.0] * 240, 5.0, False),  # consumers fall behind
        ([1_000.0] * 236 + [999.0] * 4, 0.0, False),
        ([1_000.0] * 239, 0.0, None),  # a quarter of a minute is missing from the hour
    ],
)
def test_the_verdict(rates: list[float], lag: float, verdict: object) -> None:
    assert shown(readings(rates, lag=lag), HOUR).reaches(1_000.0, HOUR) is verdict


def test_consumers_must_reach_the_target_too() -> None:
    behind = [Reading(r.at, r.produced, r.consumed // 2, 0) for r in readings([1_000.0] * 240)]
    assert shown(behind, HOUR).reaches(1_000.0, HOUR) is False


@pytest.mark.parametrize(
    ("gap", "spread", "complete"),
    [(15.0, 0.0, False), (15.0, 1.5, True), (76.0, 0.0, True), (-3.0, 0.0, True), (0.0, 0.0, True)],
    ids=["partial", "mixed moments", "late", "clock set back", "same moment"],
)
def test_what_is_not_whole_begins_anew(gap: float, spread: float, complete: object) -> None:
    kept = readings([1_000.0] * 10)
    last = kept[-1]
    note(
        kept, Reading(last.at + gap, last.produced, last.consumed, 0), spread=spread, complete=bool(complete), keep=HOUR
    )
    assert len(kept) <= 1


def test_the_window_and_a_minute_are_kept() -> None:
    kept: list[Reading] = []
    for reading in readings([1.0] * 1_000):
        note(kept, reading, spread=0.0, complete=True, keep=HOUR)
    assert HOUR + MINUTE <= kept[-1].at - kept[0].at <= HOUR + MINUTE + 15


@given(st.lists(st.tuples(st.floats(1.0, 44.0), st.integers(0, 10_000), st.integers(0, 10_000)), max_size=60))
def test_the_lowest_minute_is_that_of_brute_force(steps: list[tuple[float, int, int]]) -> None:
    kept = [Reading(0.0, 0, 0, 0)]
    for seconds, produced, consumed in steps:
        last = kept[-1]
        kept.append(Reading(last.at + seconds, last.produced + produced, last.consumed + consumed, 0))
    rates = []
    for start, first in enumerate(kept):
        later = [reading for reading in kept[start:] if reading.at - first.at >= MINUTE]
        if later:
            rates.append((later[0].produced - first.produced) / (later[0].at - first.at))
    assert shown(kept, 1e9).lowest_produced == (min(rates) if rates else None)


def test_a_silent_broker_begins_anew_and_totals_never_fall() -> None:
    world = two_brokers()
    for _ in range(10):
        world.sweep()
    assert len(world.state.readings) == 10
    produced = world.state.total_produced
    world.sweep(silent=[2])
    assert not world.state.readings
    assert world.state.total_produced >= produced
    world.sweep()
    assert len(world.state.readings) == 1
