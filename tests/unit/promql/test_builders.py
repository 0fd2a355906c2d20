from __future__ import annotations

from typing import Any

import promql_parser
import pytest

from stackledger import units as u
from stackledger.catalogue import Cluster, Instance, Job, Le
from stackledger.errors import DeclarationError
from stackledger.promql import (
    Vector,
    above,
    absent,
    at_least,
    at_most,
    below,
    bucket,
    count_of,
    equals,
    quantile,
    scalar_of,
    select,
    sum_of,
    time,
    unequal,
)
from tests.unit.promql.foreign import (
    BOOT,
    BUSY,
    CALLS,
    KEYS,
    LIMIT,
    READ,
    SPREAD,
    TOPICS,
    UP,
    USED,
    WAIT,
    WEB,
    Db,
    Role,
)

BUILT: list[tuple[Vector[Any], str, u.Unit]] = [
    (select(USED), "stackledger_used_bytes", u.BYTES),
    (select(KEYS, Db.eq("0"), Role.ne("master")), 'stackledger_keys{db="0",role!="master"}', u.COUNT),
    (select(KEYS, Db.matches("0|1"), Db.excludes("7")), 'stackledger_keys{db=~"0|1",db!~"7"}', u.COUNT),
    (select(KEYS, Cluster.variable()), 'stackledger_keys{cluster=~"$cluster"}', u.COUNT),
    (select(READ).rate(), "rate(stackledger_read_bytes_total[$__rate_interval])", u.BYTES_PER_SECOND),
    (select(CALLS).rate("5m"), "rate(stackledger_calls_total[5m])", u.PER_SECOND),
    (select(BUSY).rate("5m"), "rate(stackledger_busy_seconds_total[5m])", u.RATIO),
    (select(READ).increase("1h"), "increase(stackledger_read_bytes_total[1h])", u.BYTES),
    (select(UP).changes("1h30m"), "changes(redis_up[1h30m])", u.COUNT),
    (select(USED).delta("5m"), "delta(stackledger_used_bytes[5m])", u.BYTES),
    (select(BOOT).delta("5m"), "delta(stackledger_boot_timestamp_seconds[5m])", u.SECONDS),
    (select(USED).deriv("5m"), "deriv(stackledger_used_bytes[5m])", u.BYTES_PER_SECOND),
    (select(USED).max_over("5m"), "max_over_time(stackledger_used_bytes[5m])", u.BYTES),
    (select(USED).min_over("5m"), "min_over_time(stackledger_used_bytes[5m])", u.BYTES),
    (select(USED).avg_over("5m"), "avg_over_time(stackledger_used_bytes[5m])", u.BYTES),
    (select(USED).sum_over("5m"), "sum_over_time(stackledger_used_bytes[5m])", u.BYTES),
    (select(USED).count_over("5m"), "count_over_time(stackledger_used_bytes[5m])", u.COUNT),
    (select(USED).last_over("5m"), "last_over_time(stackledger_used_bytes[5m])", u.BYTES),
    (select(USED).offset("1d"), "stackledger_used_bytes offset 1d", u.BYTES),
    (select(KEYS).sum(), "sum(stackledger_keys)", u.COUNT),
    (select(KEYS).sum(Cluster, Db), "sum by (cluster, db)(stackledger_keys)", u.COUNT),
    (select(USED).max(Cluster), "max by (cluster)(stackledger_used_bytes)", u.BYTES),
    (select(USED).min(Cluster), "min by (cluster)(stackledger_used_bytes)", u.BYTES),
    (select(USED).avg(Cluster), "avg by (cluster)(stackledger_used_bytes)", u.BYTES),
    (select(USED).count(Cluster), "count by (cluster)(stackledger_used_bytes)", u.COUNT),
    (select(USED).top(5), "topk(5, stackledger_used_bytes)", u.BYTES),
    (select(USED).bottom(5), "bottomk(5, stackledger_used_bytes)", u.BYTES),
    (select(BOOT).age(), "time() - stackledger_boot_timestamp_seconds", u.SECONDS),
    (select(USED).clamp_min(0), "clamp_min(stackledger_used_bytes, 0)", u.BYTES),
    (select(USED).clamp_max(1.5), "clamp_max(stackledger_used_bytes, 1.5)", u.BYTES),
    (select(USED).abs(), "abs(stackledger_used_bytes)", u.BYTES),
    (select(USED) / select(LIMIT), "stackledger_used_bytes / stackledger_limit_bytes", u.RATIO),
    ((select(USED) / select(LIMIT)).minus_from(1), "1 - (stackledger_used_bytes / stackledger_limit_bytes)", u.RATIO),
    (select(USED) + select(LIMIT), "stackledger_used_bytes + stackledger_limit_bytes", u.BYTES),
    (select(USED) * 2, "stackledger_used_bytes * 2", u.BYTES),
    (select(USED) - 0.5, "stackledger_used_bytes - 0.5", u.BYTES),
    (select(BOOT) - select(BOOT), "stackledger_boot_timestamp_seconds - stackledger_boot_timestamp_seconds", u.SECONDS),
    (
        select(KEYS).times(select(UP), on=(Instance,), group_left=True),
        "stackledger_keys * on (instance) group_left redis_up",
        u.COUNT,
    ),
    (
        select(USED).over(select(LIMIT), on=(Cluster,)),
        "stackledger_used_bytes / on (cluster) stackledger_limit_bytes",
        u.RATIO,
    ),
    (select(USED).minus(select(LIMIT), on=()), "stackledger_used_bytes - on () stackledger_limit_bytes", u.BYTES),
    (
        select(USED).plus(select(LIMIT), on=(Cluster,)),
        "stackledger_used_bytes + on (cluster) stackledger_limit_bytes",
        u.BYTES,
    ),
    (select(USED).and_(select(UP), on=(Instance,)), "stackledger_used_bytes and on (instance) redis_up", u.BYTES),
    (select(USED).unless(select(LIMIT)), "stackledger_used_bytes unless stackledger_limit_bytes", u.BYTES),
    (select(KEYS).sum().or_(scalar_of(0)), "sum(stackledger_keys) or vector(0)", u.COUNT),
    (
        select(USED).and_(above(select(UP), 0), on=(Instance,)),
        "stackledger_used_bytes and on (instance) (redis_up > 0)",
        u.BYTES,
    ),
    (
        bucket(WAIT).rate("5m").sum(Cluster, Le),
        "sum by (cluster, le)(rate(stackledger_wait_seconds_bucket[5m]))",
        u.PER_SECOND,
    ),
    (
        quantile(0.99, bucket(WAIT).rate("5m").sum(Cluster, Le), u.SECONDS),
        "histogram_quantile(0.99, sum by (cluster, le)(rate(stackledger_wait_seconds_bucket[5m])))",
        u.SECONDS,
    ),
    (
        sum_of(WAIT).rate("5m") / count_of(WAIT).rate("5m"),
        "rate(stackledger_wait_seconds_sum[5m]) / rate(stackledger_wait_seconds_count[5m])",
        u.SECONDS,
    ),
    (count_of(SPREAD).increase("5m"), "increase(stackledger_spread_seconds_count[5m])", u.COUNT),
    (select(SPREAD).max_over("5m"), "max_over_time(stackledger_spread_seconds[5m])", u.SECONDS),
    (absent(select(UP, Cluster.eq("a"))), 'absent(redis_up{cluster="a"})', u.STATE),
    (scalar_of(1.5, u.BYTES), "vector(1.5)", u.BYTES),
    (time(), "vector(time())", u.TIMESTAMP),
    (select(USED).as_unit(u.COUNT), "stackledger_used_bytes", u.COUNT),
]


@pytest.mark.parametrize(("built", "text", "unit"), BUILT, ids=[text for _, text, _ in BUILT])
def test_text_and_unit(built: Vector[Any], text: str, unit: u.Unit) -> None:
    assert built.text == str(built) == text
    assert built.unit == unit
    promql_parser.parse(text.replace("$__rate_interval", "5m"))


def test_uses_tell_each_selector_of_each_side() -> None:
    ratio = select(CALLS, Db.eq("1")).rate("5m").sum(Cluster) / bucket(WAIT).rate("5m").sum(Cluster)
    guarded = above(ratio, 1).where(select(UP).max(Cluster)).unless(below(select(KEYS).sum(Cluster), 5))
    assert [use.sample for use in guarded.uses] == [
        "stackledger_calls_total",
        "stackledger_wait_seconds_bucket",
        "redis_up",
        "stackledger_keys",
    ]
    assert guarded.uses[0].matchers[0].literal == "1"


def refused(make: Any, complaint: str) -> None:
    with pytest.raises(DeclarationError, match=complaint):
        make()


def test_functions_of_the_wrong_kind_are_refused() -> None:
    for make in (
        lambda: select(USED).rate("5m"),
        lambda: select(KEYS).increase("5m"),
        lambda: select(SPREAD).rate("5m"),
        lambda: select(CALLS).delta("5m"),
        lambda: count_of(WAIT).deriv("5m"),
        lambda: count_of(SPREAD).delta("5m"),
    ):
        refused(make, "takes a|has no meaning")
    refused(lambda: select(UP).deriv("5m"), "no meaning")
    refused(lambda: select(WAIT), "histogram")
    refused(lambda: bucket(USED), "not a histogram")
    refused(lambda: sum_of(KEYS), "not a histogram")
    refused(lambda: select(USED).age(), "timestamp")


def test_only_a_selector_has_a_past() -> None:
    total = select(CALLS).sum(Cluster)
    for make in (
        lambda: total.rate("5m"),
        lambda: select(CALLS).rate("5m").max_over("5m"),
        lambda: total.offset("5m"),
        lambda: select(USED).offset("5m").max_over("5m"),
        lambda: absent(total),
    ):
        refused(make, "selector")


@pytest.mark.parametrize(
    "window", ["", "5", "m", "5 m", "5m)", "0s", "0m0s", "30m1h", "1.5h", "-5m", "5M", "$x", "5m\n"]
)
def test_what_is_no_window_is_refused(window: str) -> None:
    refused(lambda: select(CALLS).rate(window), "window")


@pytest.mark.parametrize("window", ["1ms", "5m", "1h30m", "1d", "2w", "1y2w3d4h5m6s7ms"])
def test_windows(window: str) -> None:
    promql_parser.parse(select(CALLS).rate(window).text)


def test_wrong_units_are_refused() -> None:
    used, keys = select(USED), select(KEYS).sum(Cluster, Instance)
    refused(lambda: used + select(BOOT), "same unit")
    refused(lambda: used - select(READ).rate("5m"), "same unit")
    refused(lambda: used * select(LIMIT), "no unit")
    refused(lambda: select(BOOT) / used, "no unit")
    refused(lambda: keys / used, "no unit")


def test_labels_that_are_not_there_are_refused() -> None:
    total: Vector[Any] = select(KEYS).sum(Cluster)
    refused(lambda: total.sum(Db), "no label 'db'")
    refused(lambda: total.and_(select(UP), on=(Instance,)), "instance")
    refused(lambda: select(UP).and_(total, on=(Instance,)), "instance")
    foreign: Any = select
    refused(lambda: foreign(USED, Db.eq("0")), "no label 'db'")
    refused(lambda: foreign(CALLS, Le.eq("1")), "no label 'le'")
    refused(lambda: foreign(TOPICS, Instance.eq("a")), "no label 'instance'")
    refused(lambda: foreign(TOPICS).sum(Instance), "no label 'instance'")
    assert select(UP).sum(Job).text == "sum by (job)(redis_up)"
    grouped: Any = quantile(0.5, bucket(WAIT).rate("5m").sum(Le), u.SECONDS)
    refused(lambda: grouped.sum(Le), "le")
    refused(lambda: quantile(0.5, bucket(WAIT).rate("5m").sum(Cluster), u.SECONDS), "needs the label le")
    refused(lambda: quantile(1.5, bucket(WAIT).rate("5m"), u.SECONDS), "between 0 and 1")


def test_sides_that_can_never_match_are_refused() -> None:
    """The classic dead alert: an aggregate compared with what still has all its labels."""
    refused(lambda: select(USED).sum(Cluster) / select(LIMIT), "never match.*instance")
    refused(lambda: select(KEYS) * select(UP), "never match.*db")
    refused(lambda: select(USED).and_(select(TOPICS)), "never match.*instance")
    refused(lambda: select(USED) - scalar_of(1, u.BYTES), "never match")
    assert select(USED).sum(Cluster) / select(LIMIT).sum(Cluster)
    assert select(WEB).sum(Cluster).and_(select(UP)), "what a foreign series carries is not known"


def test_conditions() -> None:
    used = select(USED) / select(LIMIT)
    texts = {
        above(used, 0.9): ">",
        below(used, 0.9): "<",
        at_least(used, 0.9): ">=",
        at_most(used, 0.9): "<=",
        equals(used, 0.9): "==",
        unequal(used, 0.9): "!=",
    }
    for condition, op in texts.items():
        assert str(condition) == f"(stackledger_used_bytes / stackledger_limit_bytes) {op} 0.9"
        assert condition.unit == u.RATIO
        assert condition.vector.selector is None, "a comparison has no past"


def test_guards_stay_when_the_threshold_changes() -> None:
    condition = above(select(USED), 5).where(select(LIMIT)).unless(equals(select(UP), 0), on=(Instance,))
    changed = condition.with_threshold(7.5)
    assert str(changed) == (
        "((stackledger_used_bytes > 7.5) and stackledger_limit_bytes) unless on (instance) (redis_up == 0)"
    )
    assert (condition.threshold, changed.threshold) == (5, 7.5)
    assert str(condition).startswith("((stackledger_used_bytes > 5)")


@pytest.mark.parametrize(
    "value", [0, -1, 1.5, 1e15, 1e16, 1e300, 5e-324, 0.1 + 0.2, 2**53, float("inf"), -float("inf")]
)
def test_a_threshold_reads_back_as_the_same_number(value: float) -> None:
    tree: Any = promql_parser.parse(str(above(select(USED), value)))
    number = tree.rhs if not isinstance(tree.rhs, promql_parser.UnaryExpr) else tree.rhs.expr
    assert abs(number.val) == abs(float(value))
    assert isinstance(tree.rhs, promql_parser.UnaryExpr) == (value < 0) or number.val == value
