from __future__ import annotations

import types
from typing import Any

import pytest

from stackledger import units
from stackledger.catalogue import (
    HOLD,
    Cluster,
    Instance,
    Job,
    Kind,
    Label,
    Le,
    Metric,
    Origin,
    Quantile,
    drop_after,
    metrics_of,
)
from stackledger.errors import DeclarationError

HELP = "Something counted (INFO something)."


class Db(Label):
    """The number of the database (INFO keyspace)."""


class Role(Label):
    """The node's role (INFO role)."""

    values = ("master", "replica")


def declare(
    name: str = "stackledger_thing_bytes", kind: Kind = Kind.GAUGE, unit: Any = units.BYTES, **more: Any
) -> Any:
    return Metric(name, kind, unit, more.pop("doc", HELP), **more)


def test_a_right_one_is_made() -> None:
    metric = declare("stackledger_reads_bytes_total", Kind.COUNTER, labels=(Db, Role), budget=32)
    assert metric.label_names == ("db", "role")
    assert metric.sample_names == ("stackledger_reads_bytes_total",)


@pytest.mark.parametrize(
    ("name", "kind", "unit", "complaint"),
    [
        ("stackledger_memory", Kind.GAUGE, units.BYTES, "_bytes"),
        ("stackledger_memory_seconds", Kind.GAUGE, units.BYTES, "_bytes"),
        ("stackledger_things_bytes", Kind.GAUGE, units.COUNT, "_bytes"),
        ("stackledger_up_ratio", Kind.GAUGE, units.STATE, "_ratio"),
        ("stackledger_start_timestamp_seconds", Kind.GAUGE, units.SECONDS, "_timestamp_seconds"),
        ("stackledger_start_seconds", Kind.GAUGE, units.TIMESTAMP, "_timestamp_seconds"),
        ("stackledger_traffic_bytes_per_second", Kind.GAUGE, units.PER_SECOND, "_bytes_per_second"),
        ("stackledger_reads", Kind.COUNTER, units.COUNT, "_total"),
        ("stackledger_reads_total", Kind.GAUGE, units.COUNT, "_total"),
        ("stackledger_reads_total", Kind.HISTOGRAM, units.COUNT, "_total"),
        ("stackledger_reads_total_bytes", Kind.COUNTER, units.BYTES, "_total"),
        ("stackledger_reads_seconds_total", Kind.COUNTER, units.BYTES, "_bytes"),
        ("stackledger_build", Kind.INFO, units.STATE, "_info"),
    ],
)
def test_a_name_that_breaks_the_rules_is_refused_unless_it_is_somebody_elses(
    name: str, kind: Kind, unit: Any, complaint: str
) -> None:
    with pytest.raises(DeclarationError, match=complaint) as refused:
        declare(name, kind, unit)
    assert repr(name) in str(refused.value)
    assert declare(name, kind, unit, compat="other_exporter").name == name


@pytest.mark.parametrize("name", ["Stackledger_x", "x-y", "1x", "x y", "", "x\n", "ö", "a:b"])
def test_an_exposed_name_is_lower_case_even_with_compat(name: str) -> None:
    with pytest.raises(DeclarationError, match="lower case"):
        declare(name, unit=units.COUNT, compat="other_exporter")


GENERAL: list[tuple[dict[str, Any], str]] = [
    ({"doc": "Something counted."}, "source"),
    ({"doc": "Something counted (INFO x)"}, "source"),
    ({"doc": "(INFO x)."}, "source"),
    ({"doc": "Something ()."}, "source"),
    ({"doc": ""}, "source"),
    ({"budget": 0}, "budget"),
    ({"labels": (Db,)}, "budget above 1"),
    ({"labels": (Db, Db), "budget": 9}, "twice"),
    ({"labels": (Instance,), "budget": 9}, "added by the page"),
    ({"labels": (Cluster, Db), "budget": 9}, "added by the page"),
    ({"labels": (Job,), "budget": 9}, "added by the page"),
    ({"labels": (Le,), "budget": 9}, "added by the page"),
    ({"labels": (Quantile,), "budget": 9}, "added by the page"),
]


@pytest.mark.parametrize(("wrong", "complaint"), GENERAL, ids=[str(wrong) for wrong, _ in GENERAL])
@pytest.mark.parametrize("compat", ["", "other_exporter"])
def test_what_is_wrong_in_any_case_is_refused_with_compat_too(
    wrong: dict[str, Any], complaint: str, compat: str
) -> None:
    with pytest.raises(DeclarationError, match=complaint):
        declare(**wrong, compat=compat)


def test_a_label_of_ones_own_may_not_shadow_one_that_the_page_adds() -> None:
    def make() -> Any:
        class Shadow(Label):
            """Somebody's own idea of an instance (nowhere)."""

            name = "instance"

        return declare(labels=(Shadow,), budget=5)

    with pytest.raises(DeclarationError, match="added by the page"):
        make()


def test_two_labels_of_one_name_are_refused() -> None:
    class Database(Label):
        """Another (INFO keyspace)."""

        name = "db"

    with pytest.raises(DeclarationError, match="twice"):
        declare(labels=(Db, Database), budget=9)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(DeclarationError) as refused:
        declare("stackledger_reads", Kind.COUNTER, doc="x", labels=(Db,))
    for complaint in ("source", "budget", "_total", "_bytes"):
        assert complaint in str(refused.value)


def test_a_foreign_metric_keeps_its_name_and_needs_no_help() -> None:
    assert declare("MyApp:requests", unit=units.COUNT, doc="", origin=Origin.EXTERNAL)
    assert declare("slo:requests:rate5m", unit=units.PER_SECOND, doc="", origin=Origin.RECORDED)
    for name in ("bad-name", "1x", ""):
        with pytest.raises(DeclarationError):
            declare(name, doc="", origin=Origin.EXTERNAL)
    with pytest.raises(DeclarationError):
        declare("slo:requests:Rate", doc="", origin=Origin.RECORDED)


@pytest.mark.parametrize("cap", [None, 0, -1])
def test_an_unbounded_label_needs_a_cap(cap: int | None) -> None:
    with pytest.raises(DeclarationError, match="cap"):
        type("Topic", (Label,), {"__doc__": "Topics (Metadata).", "bounded": False, "cap": cap})
    assert type("Topic", (Label,), {"__doc__": "Topics (Metadata).", "bounded": False, "cap": 10})


@pytest.mark.parametrize(
    "body", [{}, {"__doc__": "  "}, {"__doc__": "Fine.", "name": "Bad"}, {"__doc__": "x", "name": ""}]
)
def test_a_label_says_where_its_values_come_from_and_has_a_right_name(body: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        type("Topic", (Label,), body)


def test_a_label_is_named_after_its_class_and_is_no_object() -> None:
    class ConsumerGroup(Label):
        """Groups (ListGroups)."""

    assert ConsumerGroup.name == "consumer_group"
    with pytest.raises(TypeError, match="class"):
        ConsumerGroup()


def test_a_value_that_the_label_cannot_have_is_refused_both_ways() -> None:
    assert str(Role.eq("master")) == 'role="master"'
    for make in (Role.eq, Role.ne):
        with pytest.raises(DeclarationError, match="slave"):
            make("slave")
    assert str(Role.ne("")) == 'role!=""'


@pytest.mark.parametrize("value", ['a"b', "a\\b", "a\nb", "\\", '"', "ü", "$x", "a\\nb"])
def test_matchers_are_escaped_so_that_a_real_parser_reads_the_value_back(value: str) -> None:
    import promql_parser

    (matcher,) = promql_parser.parse(f"x{{{Db.eq(value)}}}").matchers.matchers
    assert (matcher.name, matcher.value) == ("db", value)


def test_what_a_metric_can_carry() -> None:
    plain = declare(labels=(Db,), budget=4)
    assert plain.has_label(Db)
    assert plain.has_label(Instance)
    assert plain.has_label(Cluster)
    assert not plain.has_label(Role)
    assert not plain.has_label(Le)
    assert plain.has_label(Job)
    assert not declare(node=False).has_label(Instance)
    assert declare(origin=Origin.EXTERNAL, node=False).has_label(Instance)
    assert declare(kind=Kind.HISTOGRAM).has_label(Le)
    assert declare(kind=Kind.SUMMARY).has_label(Quantile)


def test_sample_names() -> None:
    name = "stackledger_thing_bytes"
    assert declare(kind=Kind.HISTOGRAM).sample_names == (f"{name}_bucket", f"{name}_sum", f"{name}_count")
    assert declare(kind=Kind.SUMMARY).sample_names == (name, f"{name}_sum", f"{name}_count")


def test_metrics_of_a_module_in_order() -> None:
    module = types.ModuleType("metrics")
    module.B, module.x, module.A = declare("b_bytes"), 5, declare("a_bytes")  # type: ignore[attr-defined]
    assert [metric.name for metric in metrics_of(module)] == ["b_bytes", "a_bytes"]


def test_missing() -> None:
    assert HOLD.intervals is None
    assert drop_after(0).intervals == 0
