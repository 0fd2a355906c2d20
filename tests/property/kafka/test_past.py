"""Ages found by bisection are those found by walking the history, whatever the ends did."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from stackledger.integrations.kafka.groups.lag import below, lag_of, pack, points_of, remember, still
from stackledger.integrations.kafka.groups.past import PastMemory
from stackledger.integrations.kafka.state import HistoryPoint

TOPIC = "id"


class Step(NamedTuple):
    """What happens until the next sweep."""

    seconds: float
    written: list[int]
    event: str


steps = st.builds(
    Step,
    st.floats(0.5, 90),
    st.lists(st.integers(0, 4), min_size=4, max_size=4),
    st.sampled_from(["none"] * 12 + ["silent", "fell", "grew", "hidden", "set back"]),
)


@given(
    st.lists(steps, min_size=1, max_size=70),
    st.lists(st.integers(0, 60), min_size=4, max_size=4),
    st.none() | st.floats(1, 5_000),
)
def test_a_bisected_age_is_the_one_that_is_walked_to(
    course: list[Step], back: list[int], ceiling: float | None
) -> None:
    history: list[HistoryPoint] = []
    memory, at, size = PastMemory(), 0.0, 2
    high: dict[int, int] = {0: 5, 1: 0}
    for step in course:
        at += step.seconds if step.event != "set back" else -40.0
        if step.event == "grew" and size < 4:
            high[size] = 0
            size += 1
        high = {p: end + step.written[p] for p, end in high.items()}
        if step.event == "fell":
            high[0] = max(high[0] - 3, 0)
        row = pack(high, size, unknown={0} if step.event == "silent" else ())
        remember(history, at, {} if step.event == "hidden" else {TOPIC: row})
        past = memory.of(history, TOPIC, high)
        memory.end()
        points = points_of(history, TOPIC)
        commits = {p: max(high[p] - back[p], 0) for p in sorted(high, key=back.__getitem__)}
        waiting = below(commits, high)
        assert past.still() == still(points, high)
        if waiting and step.event != "hidden":
            assert past.age_of(waiting, high, ceiling=ceiling) == lag_of(commits, high, points, ceiling=ceiling)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_a_topic_with_nothing_but_its_newest_row(growth: list[int]) -> None:
    """It came after the history began, which keeps its first point for good."""
    history: list[HistoryPoint] = []
    remember(history, 1.0, {})
    high = {0: 0}
    for number, step in enumerate(growth):
        high = {0: high[0] + step}
        remember(history, 2.0 + number, {TOPIC: pack(high, 1)})
    for commit in range(high[0]):
        past = PastMemory().of(history, TOPIC, high)
        walked = lag_of({0: commit}, high, points_of(history, TOPIC))
        assert past.age_of({0: commit}, high, ceiling=None) == walked
