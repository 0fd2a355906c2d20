"""Whatever the sweeps bring, what is kept follows the declared rules and stays within its budgets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from stackledger.collect.kept import Kept
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import ConnectError
from tests.unit.collect.fakes import LOAD, NOW, SIZE, TOTAL

FAMILIES = {LOAD: 0, NOW: 0, TOTAL: 0, SIZE: 1}
GONE = ConnectError("gone")

parts = st.dictionaries(
    st.sampled_from("abc"),
    st.none()
    | st.lists(st.tuples(st.sampled_from(list(FAMILIES)), st.sampled_from("wxyz"), st.integers(0, 9)), max_size=8),
)
sweeps = st.lists(st.none() | st.tuples(parts, st.booleans()), max_size=12)


def snapshot(described: dict[str, list[tuple[object, str, int]] | None], *, partial: bool) -> Snapshot:
    read: dict[str, Part] = {}
    for name, rows in described.items():
        if rows is not None:
            read[name] = Part(0.0, instance=name)
            for metric, label, value in rows:
                read[name].add(metric, value, *[label] * FAMILIES[metric])  # type: ignore[arg-type, index]
    failed = {name: GONE for name, rows in described.items() if rows is None}
    return Snapshot(read, failed, {"facet": GONE if partial else None})


@settings(max_examples=200, deadline=None)
@given(sweeps)
def test_rules_and_budgets_hold(
    described: list[tuple[dict[str, list[tuple[object, str, int]] | None], bool] | None],
) -> None:
    kept = Kept()
    ages: dict[tuple[str, object], int] = {}
    for sweep in described:
        if sweep is None:
            kept.miss_all()
            ages = {key: age + 1 for key, age in ages.items()}
        else:
            taken = snapshot(sweep[0], partial=sweep[1])
            kept.merge(taken)
            assert kept.parts.keys() <= sweep[0].keys()
            assert kept.parts.keys() >= taken.parts.keys()
            aged = {k: age + 1 for k, age in ages.items() if k[0] in taken.failed or (sweep[1] and k[0] in taken.parts)}
            ages = aged | {(name, metric): 0 for name, part in taken.parts.items() for metric in part.rows}
        ages = {
            (name, metric): age
            for (name, metric), age in ages.items()
            if metric.missing.intervals is None or age <= metric.missing.intervals  # type: ignore[attr-defined]
        }
        assert {(name, metric) for name, part in kept.parts.items() for metric in part.rows} == ages.keys()
        for part in kept.parts.values():
            for metric, rows in part.rows.items():
                assert len(rows.keys) == len(rows.values) == len(set(rows.keys)) <= metric.budget
        whole = [key for part in kept.parts.values() if TOTAL in part.rows for key in part.rows[TOTAL].keys]
        assert len(whole) == len(set(whole))
        assert kept.series == sum(len(r.keys) for p in kept.parts.values() for r in p.rows.values())
