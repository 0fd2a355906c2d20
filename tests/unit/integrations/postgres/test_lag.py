"""Lag from what sweeps saw, against a brute-force truth: idle, stalled, slow, gone, and clocks that jump."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackledger.integrations.postgres.replication import lag
from stackledger.integrations.postgres.state import StandbyMemory, Track

INTERVAL = 15.0
steps = st.lists(st.integers(min_value=0, max_value=1_000), min_size=1, max_size=60)


def followed(*positions: int, interval: float = INTERVAL) -> Track:
    track = Track()
    for index, position in enumerate(positions):
        lag.follow(track, "7", index * interval, position)
    return track


def sight(received: int, replayed: int | None = None, name: str | None = "pg1") -> lag.Sight:
    return lag.Sight(received, received if replayed is None else replayed, name, "pg1" if name else None)


def test_an_idle_primary_gives_no_lag_however_long() -> None:
    track = followed(*[500] * 1_000)
    assert len(track.times) == 1
    assert lag.seconds_behind(track, 15_000.0, 500) == 0


def test_a_write_after_a_long_idle_time_counts_from_the_write() -> None:
    track = followed(*[500] * 100, 900)
    assert lag.seconds_behind(track, 100 * INTERVAL, 500) == 0
    assert lag.seconds_behind(track, 100 * INTERVAL + 40, 500) == 40


def test_a_stalled_standby_falls_behind_second_by_second() -> None:
    track = followed(100, 200, 300, 400)
    assert [lag.seconds_behind(track, now, 150) for now in (45.0, 60.0, 600.0)] == [30.0, 45.0, 585.0]


def test_nothing_is_known_before_the_first_sight() -> None:
    assert lag.seconds_behind(Track(), 10.0, 5) is None


def test_a_standby_read_after_the_primary_is_not_ahead() -> None:
    assert lag.bytes_behind(100, 120) == 0
    assert lag.bytes_behind(120, 100) == 20


def test_another_cluster_or_a_primary_with_less_begins_a_new_track() -> None:
    track = followed(100, 200)
    lag.follow(track, "7", 30.0, 150)
    assert (track.times, track.positions) == ([30.0], [150])
    lag.follow(track, "8", 45.0, 160)
    assert (track.system_identifier, track.positions) == ("8", [160])


def test_a_clock_set_back_gives_no_negative_lag() -> None:
    track = followed(100, 200)
    lag.follow(track, "7", 5.0, 300)
    assert track.times == sorted(track.times)
    assert lag.seconds_behind(track, 5.0, 100) == 0


@given(steps, st.integers(min_value=0, max_value=60), st.floats(min_value=0.0, max_value=INTERVAL))
def test_the_lag_is_below_the_truth_by_at_most_one_interval(written: list[int], stop: int, after: float) -> None:
    """The primary writes in the middle of intervals, the standby stops at a sweep; truth is when it was passed."""
    track, position, moments = Track(), 0, []
    positions = []
    for index, step in enumerate(written):
        if step:
            moments.append((index * INTERVAL - INTERVAL / 2, position + step))
        position += step
        positions.append(position)
        lag.follow(track, "7", index * INTERVAL, position)
    standby = positions[min(stop, len(positions) - 1)]
    now = (len(written) - 1) * INTERVAL + after
    passed = [moment for moment, reached in moments if reached > standby]
    found = lag.seconds_behind(track, now, standby)
    assert found is not None
    if not passed:
        assert found == 0
    else:
        truth = now - passed[0]
        assert truth - INTERVAL <= found <= truth


@given(st.integers(min_value=1, max_value=10_000))
def test_a_track_is_bounded_and_thinning_never_invents_lag(sweeps: int) -> None:
    track = Track()
    for index in range(sweeps):
        lag.follow(track, "7", float(index), index * 10)
    assert len(track.times) <= lag.TRACK_LENGTH
    assert track.times == sorted(track.times)
    assert track.positions == sorted(track.positions)
    for standby in (0, sweeps * 3, sweeps * 9):
        found = lag.seconds_behind(track, float(sweeps), standby)
        truth = max(sweeps - standby // 10 - 1, 0)
        assert found is not None
        assert found <= truth + 1


def remembered(sights: list[tuple[float, int, int | None]]) -> StandbyMemory:
    memory = None
    for now, received, written in sights:
        memory = lag.remember(memory, sight(received), now, written)
    assert memory is not None
    return memory


def test_behind_for_the_first_time_is_no_stall() -> None:
    memory = remembered([(0, 100, 100), (15, 100, 100), (30, 100, 500)])
    assert 30 - memory.moved_at == 0


def test_a_stall_counts_from_the_first_sight_of_being_behind() -> None:
    memory = remembered([(0, 100, 100), (15, 100, 500), (30, 100, 900), (45, 100, 900)])
    assert 45 - memory.moved_at == 30


def test_a_slow_standby_that_still_receives_is_not_stalled() -> None:
    memory = remembered([(0, 100, 500), (15, 110, 900), (30, 120, 1_300)])
    assert 30 - memory.moved_at == 0


def test_a_stall_ends_when_something_arrives_or_the_primary_is_gone() -> None:
    stalled: list[tuple[float, int, int | None]] = [(0, 100, 100), (15, 100, 500), (30, 100, 900)]
    assert remembered([*stalled, (45, 400, 900)]).moved_at == 45
    assert remembered([*stalled, (45, 100, None)]).moved_at == 45


def test_a_standby_whose_stream_broke_keeps_the_name_it_had() -> None:
    memory = lag.remember(None, sight(100), 0.0, 100)
    memory = lag.remember(memory, sight(100, name=None), 15.0, 200)
    assert (memory.name, memory.slot) == ("pg1", "pg1")
