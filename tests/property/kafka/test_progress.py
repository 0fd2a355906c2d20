"""Group progress against a brute-force reading of the same sweeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackledger.integrations.kafka.groups.verdict import Situation, judge, progress

commits = st.dictionaries(st.integers(0, 5), st.integers(0, 30), max_size=6)


@given(st.lists(st.tuples(commits, commits), min_size=1, max_size=20))
def test_waiting_begins_when_the_commit_last_moved_or_lag_began(
    sweeps: list[tuple[dict[int, int], dict[int, int]]],
) -> None:
    old: dict[int, int] = sweeps[0][0]
    waiting: dict[int, float] = {}
    since: dict[int, float] = {}
    for now, (new, high) in enumerate(sweeps):
        lagging = {p for p, c in new.items() if high.get(p, c) > c}
        told = progress(old, new, lagging, waiting=waiting, now=float(now))
        since = {p: since[p] if p in since and old.get(p) == new[p] else float(now) for p in lagging}
        assert told.waiting == since
        both = old.keys() & new.keys()
        assert told.consumed == sum(max(new[p] - old[p], 0) for p in both)
        assert told.rewound == any(new[p] < old[p] for p in both)
        old, waiting = new, told.waiting


@given(
    st.dictionaries(st.integers(0, 5), st.floats(0, 100), max_size=5),
    st.none() | st.integers(0, 3),
    st.sampled_from(["Stable", "Empty", "PreparingRebalance"]),
    st.floats(0, 100),
)
def test_without_lag_nobody_is_stuck_and_with_it_only_after_the_time(
    waiting: dict[int, float], readers: int | None, state: str, rewound_at: float
) -> None:
    verdict, reason = judge(Situation(waiting, readers, state, rewound_at), now=100.0, stuck_after=30.0)
    stuck = any(100.0 - since >= 30.0 for since in waiting.values())
    assert (verdict in ("stopped", "stalled")) == stuck
    assert verdict != "stopped" or readers == 0
    assert reason
