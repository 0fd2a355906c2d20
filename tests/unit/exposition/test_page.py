from __future__ import annotations

import asyncio
import gzip
import math
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from lab import programs
from stackledger import units
from stackledger.catalogue import Kind, Metric
from stackledger.clock import SystemClock
from stackledger.collect.snapshot import Part
from stackledger.errors import DeclarationError
from stackledger.exposition import Format, Page, PartLabels, formats
from stackledger.exposition import group as group_module
from tests.conftest import skip_or_fail
from tests.unit.exposition.families import (
    ALL,
    BARE,
    COUNT,
    GAUGE,
    INFO,
    MANY,
    OLD,
    SPREAD,
    WAIT,
    do,
    key,
    make,
    read,
    text,
)

HERE = PartLabels("main", "production", "eu", "127.0.0.1:7001", "redis")


def put(page: Page, part: Part, owner: Any = "a", labels: PartLabels = HERE) -> None:
    page.put(owner, labels, {metric: (rows.keys, rows.values) for metric, rows in part.rows.items()})


def full(instance: str = "") -> Part:
    """A part with a family of each kind."""
    part = Part(0.0)
    part.add(GAUGE, 1, "x", "y")
    part.add(GAUGE, 2.5, "x\\n", 'quo"te')
    part.add(BARE, 2**70)
    part.add(COUNT, 3, "a")
    part.add(OLD, 4, "get")
    part.add(INFO, 1, "v1")
    part.histogram(WAIT, "q", buckets=[(0.1, 1), (0.5, 3)], count=4, total=1.25)
    part.summary(SPREAD, quantiles={0.5: 0.1, 0.99: math.nan}, count=9, total=2.5)
    return part


@pytest.fixture
def page() -> Page:
    page = make()
    put(page, full())
    put(page, full(), "b", PartLabels("main", "production", "eu", "127.0.0.1:7002", "redis"))
    page.drop("b")
    second = Part(0.0)
    second.add(GAUGE, -0.0, "x", "y")
    put(page, second, "b", PartLabels("main", "production", "", "127.0.0.1:7002"))
    return page


def test_the_page_says_what_was_put_with_the_labels_of_its_part(page: Page) -> None:
    node = dict(HERE_NODE)
    whole = {**node, "instance": ""}
    for fmt in Format:
        samples = read(text(page, fmt), fmt)
        assert samples[key("stackledger_level", **node, a="x", b="y")] == 1
        assert samples[key("stackledger_level", **node, a="x\\n", b='quo"te')] == 2.5
        assert samples[key("stackledger_bare_bytes", **node)] == float(2**70)
        assert samples[key("redis_commands", **node, a="get")] == 4
        assert samples[key("stackledger_build_info", **whole, a="v1")] == 1
        assert samples[key("stackledger_wait_seconds_bucket", **node, a="q", le="+Inf")] == 4
        assert samples[key("stackledger_wait_seconds_sum", **node, a="q")] == 1.25
        assert math.isnan(samples[key("stackledger_spread_seconds", **node, quantile="0.99")])
        other = {"cluster": "main", "environment": "production", "instance": "127.0.0.1:7002"}
        assert samples[key("stackledger_level", **other, a="x", b="y")] == 0
        assert len(samples) == page.series == 16


def test_families_stay_together_under_one_header(page: Page) -> None:
    for fmt in Format:
        lines = text(page, fmt).removesuffix("# EOF\n").splitlines()
        heads = [line.split()[2] for line in lines if line.startswith("# TYPE")]
        assert len(heads) == len(set(heads)) == len(ALL)
        current = ""
        for line in lines:
            if line.startswith("# HELP"):
                current = line.split()[2]
            elif line.startswith("# TYPE"):
                assert line.split()[2] == current
            else:
                assert line.startswith(current)


def test_families_with_the_same_series_hold_their_labels_once_and_part_again() -> None:
    page = make()

    def rests() -> list[list[bytes]]:
        return [block.lines.rests for metric in (COUNT, OLD) for block in page._group_of[metric].family(metric)]

    def shown(old: str) -> dict[Any, float]:
        part = Part(0.0)
        part.extend(COUNT, [("x",), ('"',)], [1, 2])
        part.extend(OLD, [("x",), (old,)], [3, 4])
        put(page, part)
        return read(text(page, Format.PROMETHEUS), Format.PROMETHEUS)

    for old, shared in (('"', True), ("y", False), ('"', True)):
        samples = shown(old)
        assert samples[key("stackledger_events_total", **HERE_NODE, a='"')] == 2
        assert samples[key("redis_commands", **HERE_NODE, a=old)] == 4
        assert len(samples) == 4
        counted, commands = rests()
        assert (counted is commands) is shared


def test_types_as_each_format_knows_them(page: Page) -> None:
    plain, openmetrics = text(page), text(page, Format.OPENMETRICS)
    assert "# TYPE stackledger_events_total counter" in plain
    assert "# TYPE stackledger_events counter" in openmetrics
    assert "# TYPE redis_commands counter" in plain
    assert "# TYPE redis_commands unknown" in openmetrics
    assert "# TYPE stackledger_build_info gauge" in plain
    assert openmetrics.endswith("# EOF\n")
    assert "# EOF" not in plain


def test_no_header_without_a_sample() -> None:
    page = make()
    assert text(page) == ""
    assert text(page, Format.OPENMETRICS) == "# EOF\n"
    put(page, full())
    page.put("empty", HERE, {GAUGE: ([], []), COUNT: ([], [])})
    page.drop("a")
    assert text(page) == ""
    assert read(gzip.decompress(do(lambda: page.gzip(Format.OPENMETRICS))).decode(), Format.OPENMETRICS) == {}


def test_promtool_accepts_it(page: Page) -> None:
    program = shutil.which("promtool")
    if program is None:
        skip_or_fail(programs.ProgramMissingError("promtool is missing", remedy="apt-get install prometheus"))
    page.put("a", PartLabels(), {})
    clean = Part(0.0)
    clean.add(GAUGE, math.inf, 'a "b" \\ \n c', "ü")
    clean.add(COUNT, 2**63, "")
    clean.add(COUNT, 5e-324, "\u2028")
    clean.histogram(WAIT, "q", buckets=[(0.1, 1)], count=4, total=1.25)
    clean.summary(SPREAD, quantiles={0.5: 0.1}, count=9, total=2.5)
    put(page, clean)
    done = subprocess.run(
        [program, "check", "metrics"], check=False, input=do(lambda: page.text(Format.PROMETHEUS)), capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


class Collector:
    def __init__(self, page: Page) -> None:
        self.page = page

    def collect(self) -> Iterator[Any]:
        return self.page.families()


def test_other_readers_of_the_registry_see_the_same_samples(page: Page) -> None:
    registry = CollectorRegistry()
    registry.register(Collector(page))
    pairs = ((Format.PROMETHEUS, generate_latest), (Format.OPENMETRICS, generate_openmetrics))
    for fmt, generate in pairs:
        theirs = read(generate(registry).decode(), fmt)
        ours = read(text(page, fmt), fmt)
        assert {k: str(v) for k, v in theirs.items()} == {k: str(v) for k, v in ours.items()}  # NaN equals NaN here
    assert registry.get_sample_value("stackledger_bare_bytes", dict(HERE_NODE)) == float(2**70)


HERE_NODE = {
    "cluster": "main",
    "environment": "production",
    "region": "eu",
    "instance": "127.0.0.1:7001",
    "job": "redis",
}


# -- compression -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", Format)
@pytest.mark.parametrize("families", [0, 1, 60])
def test_gzip_is_one_member_with_the_same_bytes(fmt: Format, families: int, tmp_path: Path) -> None:
    page = make(*MANY)
    for index, metric in enumerate(MANY[:families]):
        page.put(index, HERE, {metric: ([(str(i),) for i in range(index * 10)], [float(i) for i in range(index * 10)])})
    plain, packed = do(lambda: page.text(fmt)), do(lambda: page.gzip(fmt))
    inflate = zlib.decompressobj(wbits=31)
    assert inflate.decompress(packed) + inflate.flush() == plain
    assert inflate.eof
    assert inflate.unused_data == b"", "a second member would be lost on many clients"
    assert gzip.decompress(packed) == plain
    file = tmp_path / "page.gz"
    file.write_bytes(packed)
    if shutil.which("gzip"):
        assert subprocess.run(["gzip", "-dc", str(file)], capture_output=True, check=True).stdout == plain
        subprocess.run(["gzip", "-t", str(file)], check=True)


def test_extra_families_end_the_page_in_both_encodings() -> None:
    page, extra = make(), b"# TYPE other gauge\nother 1.0\n"
    put(page, full())
    plain = do(lambda: page.text(Format.OPENMETRICS, extra=extra))
    assert plain.endswith(extra + b"# EOF\n")
    assert gzip.decompress(do(lambda: page.gzip(Format.OPENMETRICS, extra=extra))) == plain
    assert key("other") in read(plain.decode(), Format.OPENMETRICS)


# -- what is done again, and what not --------------------------------------------------------------------------------


class Counted:
    """Counts the calls of what makes a page expensive."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: dict[str, int] = {}
        for name in ("format_numbers", "compress", "lines_of", "header"):
            monkeypatch.setattr(group_module, name, self._wrapped(name, getattr(group_module, name)))

    def _wrapped(self, name: str, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls[name] = self.calls.get(name, 0) + 1
            return function(*arguments)

        return call

    def take(self) -> dict[str, int]:
        calls, self.calls = self.calls, {}
        return calls


def test_nothing_is_rendered_twice_when_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    page, counted = make(), Counted(monkeypatch)
    put(page, full())
    for fmt in Format:
        do(lambda fmt=fmt: page.text(fmt))
        do(lambda fmt=fmt: page.gzip(fmt))
    assert counted.take()["compress"] >= 2
    put(page, full())  # a new sweep with the same answers: equal, but other objects
    page.drop("never there")
    counted.take()
    for fmt in Format:
        do(lambda fmt=fmt: page.text(fmt))
        do(lambda fmt=fmt: page.gzip(fmt))
    nan_group_only = counted.take()  # NaN is never equal to NaN, so the summary's group is made anew
    assert nan_group_only.get("lines_of", 0) == 0
    assert nan_group_only.get("header", 0) == 0


def test_an_equal_sweep_costs_nothing_and_a_changed_value_only_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    page, counted = make(*MANY), Counted(monkeypatch)
    rows = {metric: ([("x",)], [1.0]) for metric in MANY}
    page.put("a", HERE, rows)
    do(lambda: page.gzip(Format.OPENMETRICS))
    everything = counted.take()["compress"]
    assert everything > 3
    page.put("a", HERE, {metric: ([("x",)], [1.0]) for metric in MANY})
    do(lambda: page.gzip(Format.OPENMETRICS))
    assert counted.take() == {}
    page.put("a", HERE, {**rows, MANY[30]: ([("x",)], [2.0])})
    do(lambda: page.gzip(Format.OPENMETRICS))
    assert counted.take() == {"format_numbers": 1, "compress": 1}
    page.drop("a")
    do(lambda: page.gzip(Format.OPENMETRICS))
    assert page.series == 0
    assert page.owners == frozenset()


def test_lists_that_are_changed_after_they_were_put_do_no_harm() -> None:
    """An integration that goes on filling a part it gave away must not break the page of everybody else."""
    page = make()
    part = Part(0.0)
    part.add(COUNT, 1, "a")
    put(page, part)
    assert read(text(page), Format.PROMETHEUS)
    part.add(COUNT, 2, "b")
    part.add(GAUGE, 2, "b", "c")
    other = Part(0.0)
    other.add(COUNT, 7, "z")
    put(page, other, "other", PartLabels("other"))
    assert len(read(text(page), Format.PROMETHEUS)) == 2
    put(page, part)
    assert len(read(text(page), Format.PROMETHEUS)) == 4


def test_births_deaths_reorderings_and_relabelled_parts() -> None:
    page = make()

    def shown() -> dict[str, float]:
        return {dict(labels)["a"]: value for (_, labels), value in read(text(page), Format.PROMETHEUS).items()}

    for keys, values in (
        ("ab", (1, 2)),
        ("abc", (1, 2, 3)),
        ("cab", (3, 1, 2)),
        ("ba", (20, 10)),
        ("", ()),
        ("b", (5,)),
    ):
        page.put("a", HERE, {COUNT: ([(k,) for k in keys], list(values))})
        assert shown() == dict(zip(keys, values, strict=True))
    page.put("a", PartLabels("other"), {COUNT: ([("b",)], [5])})
    (series,) = read(text(page), Format.PROMETHEUS)
    assert dict(series[1]) == {"cluster": "other", "a": "b"}


# -- what is refused -------------------------------------------------------------------------------------------------


WRONG: list[tuple[str, Any, Any]] = [
    ("too few labels", [("x",)], [1.0]),
    ("too many labels", [("x", "y", "z")], [1.0]),
    ("a label that is no text", [("x", 5)], [1.0]),
    ("no label", [("x", None)], [1.0]),
    ("fewer values", [("x", "y"), ("x", "z")], [1.0]),
    ("more values", [("x", "y")], [1.0, 2.0]),
    ("text for a number", [("x", "y")], ["5"]),
    ("text that would shift every number", [("x", "y")], ["1,2"]),
    ("None for a number", [("x", "y")], [None]),
    ("a list for a number", [("x", "y")], [[1]]),
]


@pytest.mark.parametrize(("keys", "values"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_would_spoil_the_page_is_refused_and_changes_nothing(keys: Any, values: Any) -> None:
    page = make()
    put(page, full())
    put(page, full(), "victim", PartLabels("victim"))
    before = text(page)
    with pytest.raises(DeclarationError, match="stackledger_level"):
        page.put("a", HERE, {COUNT: ([("new",)], [1.0]), GAUGE: (keys, values)})
    assert text(page) == before


def test_odd_numbers_are_numbers() -> None:
    page = make()
    odd = [True, Decimal("1.5"), 10**400, -(10**400), 2**64, -(2**63) - 1]
    page.put("a", HERE, {GAUGE: ([(str(i), "") for i in range(len(odd))], odd)})
    for fmt in Format:
        values = list(read(text(page, fmt), fmt).values())
        assert values == [1.0, 1.5, math.inf, -math.inf, float(2**64), float(-(2**63) - 1)]
    assert [s.value for family in page.families() for s in family.samples] == values


def test_a_metric_that_nobody_declared_is_refused() -> None:
    page = Page(ALL, SystemClock())
    with pytest.raises(DeclarationError, match="stackledger_many_0"):
        page.put("a", HERE, {MANY[0]: ([("x",)], [1.0])})


@pytest.mark.parametrize(
    "clash",
    [
        Metric("stackledger_level", Kind.GAUGE, units.COUNT, "The same name (test)."),
        Metric("stackledger_events", Kind.GAUGE, units.COUNT, "OpenMetrics' name of a counter (test)."),
        Metric("stackledger_wait_seconds_count", Kind.GAUGE, units.COUNT, "A histogram's (test).", compat="x"),
        Metric("stackledger_spread_seconds_sum", Kind.GAUGE, units.COUNT, "A summary's (test).", compat="x"),
    ],
    ids=lambda metric: metric.name,
)
def test_names_that_would_clash_on_the_page_are_refused(clash: Metric[Any]) -> None:
    with pytest.raises(DeclarationError, match="declared twice"):
        make(clash)


def test_text_that_is_no_unicode_stays_distinct() -> None:
    page = make()
    page.put("a", PartLabels("\udcff"), {COUNT: ([("\udc80",), ("\udc81",), ("fine",)], [1, 2, 3])})
    for fmt in Format:
        assert len(read(text(page, fmt), fmt)) == 3
    assert formats.escape("\udc80") == "\\\\udc80"


# -- while a page is put together ------------------------------------------------------------------------------------


class TickingClock(SystemClock):
    """Every look at it costs a second, so that rendering gives way after each group."""

    def __init__(self) -> None:
        super().__init__()
        self._ticks = 0.0

    def monotonic(self) -> float:
        self._ticks += 1
        return self._ticks


@pytest.mark.parametrize("packed", [False, True])
def test_no_page_shows_half_a_change(*, packed: bool) -> None:
    """Every sweep sets all families of an owner to one number; a page that mixes two sweeps is torn."""

    async def main() -> None:
        page = Page(MANY, TickingClock())
        stop = False

        def write(turn: int) -> None:
            for owner in ("a", "b"):
                if turn % 7 == 3 and owner == "b":
                    page.drop(owner)
                else:
                    labels = PartLabels(owner, instance=str(turn % 3))
                    page.put(owner, labels, {m: ([("x",)], [float(turn)]) for m in MANY[turn % 2 :]})

        async def writer() -> None:
            turn = 0
            while not stop:
                turn += 1
                write(turn)
                await asyncio.sleep(0)

        write(1)
        task = asyncio.create_task(writer())
        seen = set()
        for round_ in range(40):
            fmt = list(Format)[round_ % 2]
            body = gzip.decompress(await page.gzip(fmt)) if packed else await page.text(fmt)
            by_owner: dict[str, set[tuple[str, float]]] = {}
            count: dict[str, int] = {}
            for (_, labels), value in read(body.decode(), fmt).items():
                owner = dict(labels)["cluster"]
                by_owner.setdefault(owner, set()).add((dict(labels)["instance"], value))
                count[owner] = count.get(owner, 0) + 1
            for owner, kinds in by_owner.items():
                assert len(kinds) == 1, f"torn: {owner} {kinds}"
                (only,) = kinds
                assert count[owner] == len(MANY) - int(only[1]) % 2
                seen.add(only)
            await asyncio.sleep(0)
        stop = True
        await task
        assert len(seen) > 5, "the writer never got a turn"
        assert not page._late

    asyncio.run(main())


def test_a_client_that_goes_away_leaves_the_page_working() -> None:
    async def main() -> None:
        page = Page(MANY, TickingClock())
        page.put("a", HERE, {m: ([("x",)], [1.0]) for m in MANY})
        for turns in range(1, 6):
            page.put("a", HERE, {m: ([("x",)], [float(turns)]) for m in MANY})
            scrape = asyncio.create_task(page.gzip(Format.PROMETHEUS))
            for _ in range(turns):
                await asyncio.sleep(0)
            page.put("late", PartLabels(str(turns)), {MANY[0]: ([("x",)], [float(turns)])})
            scrape.cancel()
            with pytest.raises(asyncio.CancelledError):
                await scrape
            body = gzip.decompress(await page.gzip(Format.PROMETHEUS)).decode()
            assert read(body, Format.PROMETHEUS)[key("stackledger_many_0", cluster=str(turns), a="x")] == turns

    asyncio.run(main())


def test_scrapes_at_once_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)

    async def main() -> None:
        page = Page(MANY, TickingClock())
        page.put("a", HERE, {m: ([("x",)], [1.0]) for m in MANY})
        pages = await asyncio.gather(*(page.gzip(Format.OPENMETRICS) for _ in range(10)))
        assert len({gzip.decompress(one) for one in pages}) == 1

    asyncio.run(main())
    assert counted.take()["compress"] <= 60 // 8 + 1


def test_a_wait_is_not_rendered_while_it_has_only_one_bucket() -> None:
    page = make()
    part = Part(0.0)
    part.histogram(WAIT, "only", buckets=[], count=0)
    put(page, part)
    samples = read(text(page), Format.PROMETHEUS)
    assert sorted(name for name, _ in samples) == ["stackledger_wait_seconds_bucket", "stackledger_wait_seconds_count"]
