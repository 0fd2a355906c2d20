"""Whatever is put on the page, both parsers of prometheus_client read back exactly that."""

from __future__ import annotations

import gzip
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from prometheus_client import CollectorRegistry, generate_latest

from stackledger.exposition import Format, PartLabels
from stackledger.exposition.formats import printable
from stackledger.exposition.group import as_float, format_numbers
from stackledger.exposition.gzip_stream import compress, member
from tests.unit.exposition.families import BARE, COUNT, GAUGE, MANY, OLD, do, make, read, text

label = (
    st.text(st.characters(), max_size=8) | st.text('"\\\n\r\t {}=,#abn\u2028\u0085\x00', max_size=8) | st.just("\udc80")
)
value = (
    st.floats()
    | st.integers(-(2**80), 2**80)
    | st.sampled_from([-0.0, 5e-324, -5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 2**64, 10**400])
)


def same(left: float, right: float) -> bool:
    if math.isnan(left):
        return math.isnan(right)
    left = float(left)  # a reader may keep whole numbers exact where Prometheus, which knows floats only, would not
    return left == right and math.copysign(1, left) == math.copysign(1, right)


@settings(max_examples=120, deadline=None)
@given(
    st.dictionaries(st.tuples(label, label), value, max_size=6),
    st.dictionaries(label, value, max_size=4),
    value,
    label,
    label,
)
def test_both_formats_read_back_exactly(
    gauge: dict[tuple[str, str], float], count: dict[str, float], bare: float, cluster: str, instance: str
) -> None:
    page = make()
    rows: dict[Any, Any] = {
        GAUGE: (list(gauge), list(gauge.values())),
        COUNT: ([(k,) for k in count], list(count.values())),
        OLD: ([(k,) for k in count], list(count.values())),
        BARE: ([()], [bare]),
    }
    page.put("a", PartLabels(cluster, instance=instance), rows)
    common = {"cluster": printable(cluster)} if cluster else {}
    common["instance"] = printable(instance)
    expected: dict[Any, float] = {("stackledger_bare_bytes", frozenset(common.items())): as_float(bare)}
    for (a, b), number in gauge.items():
        labels = {**common, "a": printable(a), "b": printable(b)}
        expected["stackledger_level", frozenset(labels.items())] = as_float(number)
    for a, number in count.items():
        for name in ("stackledger_events_total", "redis_commands"):
            expected[name, frozenset({**common, "a": printable(a)}.items())] = as_float(number)
    for fmt in Format:
        if fmt is Format.OPENMETRICS and any(v < 0 or math.isnan(v) for v in map(as_float, count.values())):
            continue  # its parser refuses a counter that is negative or no number
        found = read(text(page, fmt), fmt)
        assert found.keys() == expected.keys()
        assert all(same(found[k], expected[k]) for k in expected)
    registry = CollectorRegistry()
    registry.register(type("Collector", (), {"collect": lambda _self: page.families()})())
    theirs = read(generate_latest(registry).decode(), Format.PROMETHEUS)
    assert theirs.keys() == expected.keys()
    assert all(same(theirs[k], expected[k]) for k in expected)


@settings(max_examples=200, deadline=None)
@given(st.lists(value, min_size=1, max_size=30))
def test_numbers_read_back_exactly(numbers: list[float]) -> None:
    written = format_numbers(list(numbers))
    assert len(written) == len(numbers)
    assert all(same(float(one), as_float(number)) for one, number in zip(written, numbers, strict=True))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=300) | st.integers(0, 9).map(lambda n: b"abc" * 10**4 * n), max_size=9))
def test_pieces_make_one_member(bodies: list[bytes]) -> None:
    assert gzip.decompress(member([compress([body[:5], body[5:]]) for body in bodies])) == b"".join(bodies)


class PageAgainstModel(RuleBasedStateMachine):
    """Any order of puts, drops, relabellings and reads shows what a plain dictionary would."""

    def __init__(self) -> None:
        super().__init__()
        self.page = make(*MANY[:12])
        self.model: dict[str, dict[Any, float]] = {}

    @rule(
        owner=st.sampled_from("abc"),
        moved=st.booleans(),
        rows=st.dictionaries(
            st.integers(0, 11), st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3) | st.floats(0, 1)), max_size=5
        ),
    )
    def put(self, owner: str, *, moved: bool, rows: dict[int, dict[str, float]]) -> None:
        cluster = owner + ("2" if moved else "")
        self.page.put(
            owner, PartLabels(cluster), {MANY[i]: ([(k,) for k in one], list(one.values())) for i, one in rows.items()}
        )
        self.model[owner] = {
            (MANY[i].name, frozenset({"cluster": cluster, "a": k}.items())): v
            for i, one in rows.items()
            for k, v in one.items()
        }

    @rule(owner=st.sampled_from("abcd"))
    def drop(self, owner: str) -> None:
        self.page.drop(owner)
        self.model.pop(owner, None)

    @rule(fmt=st.sampled_from(Format), packed=st.booleans())
    def read(self, fmt: Format, *, packed: bool) -> None:
        body = gzip.decompress(do(lambda: self.page.gzip(fmt))) if packed else do(lambda: self.page.text(fmt))
        expected = {k: v for rows in self.model.values() for k, v in rows.items()}
        assert read(body.decode(), fmt) == expected
        assert self.page.series == len(expected)

    @invariant()
    def nothing_of_the_gone_is_kept(self) -> None:
        assert self.page.owners <= self.model.keys()
        blocks = sum(len(blocks) for group in self.page._groups for blocks in group._families.values())
        assert blocks == sum(len(owned) for owned in self.page._owned.values())


PageAgainstModel.TestCase.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestPageAgainstModel = pytest.mark.filterwarnings("default")(PageAgainstModel.TestCase)
