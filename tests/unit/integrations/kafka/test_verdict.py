"""The four verdicts and their reasons."""

from __future__ import annotations

import pytest

from stackledger.integrations.kafka.groups.verdict import LEVELS, REWIND_SHOWN_SECONDS, Situation, judge

NOW = 1_000.0


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        (Situation({}, 2, "Stable", 0.0), ("ok", "caught_up")),
        (Situation({0: NOW}, 2, "Stable", 0.0), ("ok", "progressing")),
        (Situation({0: NOW - 29}, 2, "Stable", 0.0), ("ok", "waiting")),
        (Situation({0: NOW, 1: NOW - 30}, 2, "Stable", 0.0), ("stalled", "no_progress")),
        (Situation({0: NOW - 30}, 0, "Empty", 0.0), ("stopped", "no_members")),
        (Situation({0: NOW - 30}, None, "", 0.0), ("stalled", "no_progress")),
        (Situation({0: NOW - 30}, 3, "PreparingRebalance", 0.0), ("stalled", "rebalancing")),
        (Situation({0: NOW}, 2, "Stable", NOW - 5), ("rewound", "went_back")),
        (Situation({0: NOW - 60}, 2, "Stable", NOW - 5), ("stalled", "no_progress")),
        (Situation({}, 2, "Stable", NOW - REWIND_SHOWN_SECONDS), ("ok", "caught_up")),
        (Situation({}, 0, "Empty", 0.0), ("ok", "caught_up")),
    ],
)
def test_verdicts(situation: Situation, expected: tuple[str, str]) -> None:
    assert judge(situation, now=NOW, stuck_after=30.0) == expected


def test_a_worse_verdict_has_a_higher_level() -> None:
    assert sorted(LEVELS, key=lambda name: LEVELS[name]) == ["ok", "rewound", "stalled", "stopped"]
