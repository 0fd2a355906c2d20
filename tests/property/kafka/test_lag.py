"""Lag in seconds against brute force: partitions that are written and read at random, seen only at random sweeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackledger.integrations.kafka.groups.lag import CAUGHT_UP, MAX_POINTS, Lag, lag_of, pack, points_of, remember
from stackledger.integrations.kafka.state import HistoryPoint

TOPIC = "id"


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[list[float]], list[float], list[set[int]], dict[int, int]]:
    """Times at which records were written, by partition; sweeps; partitions silent in each; commits at the end."""
    partitions = draw(st.integers(1, 4))
    written = [sorted(draw(st.lists(st.floats(0, 600), max_size=40))) for _ in range(partitions)]
    sweeps = sorted([*draw(st.lists(st.floats(1, 599), max_size=30, unique=True)), 600.0])
    silent = [draw(st.sets(st.integers(0, partitions - 1))) for _ in sweeps[:-1]] + [set()]
    commits = {p: draw(st.integers(0, len(written[p]))) for p in range(partitions)}
    return written, sweeps, silent, commits


def seen(
    written: list[list[float]], sweeps: list[float], silent: list[set[int]]
) -> tuple[list[HistoryPoint], dict[int, int]]:
    history: list[HistoryPoint] = []
    high: dict[int, int] = {}
    for at, missing in zip(sweeps, silent, strict=True):
        now = {p: sum(time <= at for time in times) for p, times in enumerate(written)}
        high.update({p: end for p, end in now.items() if p not in missing})
        remember(history, at, {TOPIC: pack(high, len(written), unknown=missing)})
    return history, high


def truth(written: list[list[float]], commits: dict[int, int], now: float) -> float:
    """Age of the oldest record that is not committed, 0 without one."""
    return max((now - written[p][c] for p, c in commits.items() if c < len(written[p])), default=0.0)


@given(worlds())
def test_the_truth_lies_within_the_doubt(
    world: tuple[list[list[float]], list[float], list[set[int]], dict[int, int]],
) -> None:
    written, sweeps, silent, commits = world
    history, high = seen(written, sweeps, silent)
    lag = lag_of(commits, high, points_of(history, TOPIC))
    real = truth(written, commits, sweeps[-1])
    if lag is None:  # only where no earlier sweep saw one of the partitions that have lag
        behind = {p for p, c in commits.items() if high[p] > c}
        assert any(all(p in missing for missing in silent[:-1]) for p in behind)
    elif lag.method == "history":
        assert lag.doubt is not None
        assert lag.seconds - lag.doubt - 1e-6 <= real <= lag.seconds + lag.doubt + 1e-6
    elif lag.method == "caught_up":
        assert real == 0
    elif not any(silent):
        assert lag.seconds >= sweeps[-1] - sweeps[0]


@given(worlds())
def test_a_lower_bound_is_one(world: tuple[list[list[float]], list[float], list[set[int]], dict[int, int]]) -> None:
    written, sweeps, silent, commits = world
    history, high = seen(written, sweeps, silent)
    lag = lag_of(commits, high, points_of(history, TOPIC))
    if lag is not None and lag.method == "at_least" and lag.seconds == sweeps[-1] - sweeps[0]:
        assert truth(written, commits, sweeps[-1]) >= lag.seconds - 1e-6
    if lag is not None and lag.method == "extrapolated":
        assert lag.doubt is not None
        assert truth(written, commits, sweeps[-1]) >= lag.seconds - lag.doubt - 1e-6


@given(worlds(), st.integers(0, 40))
def test_reading_on_never_raises_the_lag(
    world: tuple[list[list[float]], list[float], list[set[int]], dict[int, int]], step: int
) -> None:
    written, sweeps, silent, commits = world
    history, high = seen(written, sweeps, silent)
    further = {p: min(c + step, len(written[p])) for p, c in commits.items()}
    points = points_of(history, TOPIC)
    before, after = lag_of(commits, high, points), lag_of(further, high, points)
    if before is not None and after is not None and before.method == after.method == "history":
        assert after.seconds <= before.seconds + (before.doubt or 0) + 1e-6


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=300))
def test_history_is_bounded_and_keeps_its_ends(gaps: list[float]) -> None:
    history: list[HistoryPoint] = []
    at, times = 0.0, []
    for gap in gaps:
        at += gap
        times.append(at)
        remember(history, at, {TOPIC: pack({0: len(times)}, 1)})
    kept = [point.at for point in history]
    assert len(kept) <= MAX_POINTS
    assert kept[0] == times[0]
    assert kept[-10:] == times[-10:]
    assert kept == sorted(kept)


def test_equal_rows_share_their_memory() -> None:
    history: list[HistoryPoint] = []
    for at in range(3):
        remember(history, float(at), {TOPIC: pack({0: 7, 1: 8}, 2)})
    assert history[0].high[TOPIC] is history[2].high[TOPIC]


def test_a_clock_that_is_set_back_leaves_no_future() -> None:
    history: list[HistoryPoint] = []
    for at in (10.0, 20.0, 15.0):
        remember(history, at, {TOPIC: pack({0: int(at)}, 1)})
    assert [point.at for point in history] == [10.0, 15.0]


def test_nothing_waits() -> None:
    assert lag_of({0: 5}, {0: 5}, []) is CAUGHT_UP
    assert lag_of({0: 9}, {0: 5}, []) is CAUGHT_UP


def test_one_sweep_knows_no_age() -> None:
    assert lag_of({0: 4}, {0: 5}, [(0.0, [5])]) is None


def test_interpolates_between_two_sweeps() -> None:
    """100 records between 0 s and 10 s; the commit at 50 was passed in the middle."""
    assert lag_of({0: 50}, {0: 100}, [(0.0, [0]), (10.0, [100])]) == Lag(5.0, 5.0, "history")


def test_goes_on_at_the_known_rate_where_history_is_short() -> None:
    """10 records a second for 10 s, and the commit is 200 records back: 20 s at that rate."""
    assert lag_of({0: 0}, {0: 200}, [(0.0, [100]), (10.0, [200])]) == Lag(20.0, 10.0, "extrapolated")
    assert lag_of({0: 0}, {0: 200}, [(0.0, [100]), (10.0, [200])], ceiling=15.0) == Lag(15.0, 5.0, "extrapolated")


def test_a_standing_topic_gives_a_lower_bound() -> None:
    assert lag_of({0: 0}, {0: 200}, [(0.0, [200]), (10.0, [200])]) == Lag(10.0, None, "at_least")


def test_a_topic_made_between_two_sweeps() -> None:
    assert lag_of({0: 0}, {0: 4}, [(0.0, []), (10.0, [4])]) == Lag(10.0, 10.0, "history")
