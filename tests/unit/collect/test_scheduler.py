from __future__ import annotations

import asyncio
import gc
import itertools
import logging
from pathlib import Path
from typing import Any

import pytest

from stackledger.clock import SystemClock
from stackledger.collect.integration import StreamSource
from stackledger.collect.scheduler import Place
from stackledger.collect.snapshot import Part, Rows, Snapshot
from stackledger.errors import AuthError, ConnectError, ProtocolError, ReadTimeoutError
from stackledger.exposition import Format
from tests.unit.collect.fakes import (
    LOAD,
    NOW,
    SIZE,
    TOTAL,
    UP,
    FakeSource,
    World,
    forever,
    giving,
    node,
    raising,
    run,
)

SUCCESS = "stackledger_scrape_success"


def test_a_target_is_read_on_every_interval_without_drift() -> None:
    async def test() -> None:
        world = World()
        await world.scheduler.apply(world.plan("one"))
        await world.clock.advance(300)
        times = [when for _, _, when in world.sweeps]
        assert 0 <= times[0] < 5
        assert [round(later - times[0], 6) for later in times] == [15.0 * i for i in range(len(times))]
        assert len(times) == 20
        assert await world.value(SUCCESS) == 1
        assert await world.value("fake_up", instance="n1:1", cluster="one", job="fake") == 1
        assert await world.value("stackledger_load_ratio", instance="n1:1", environment="test") == 0.5
        assert await world.value("stackledger_targets", integration="fake") == 1
        await world.scheduler.close()

    run(test)


def test_targets_spread_out_and_the_wall_clock_moves_nobody() -> None:
    async def test() -> None:
        world = World()
        await world.scheduler.apply(world.plan(*(f"t{i}" for i in range(40))))
        await world.clock.advance(5)
        assert len({when for _, _, when in world.sweeps}) == 40
        world.clock.step_wall(-86400)
        await world.clock.advance(15)
        assert len(world.sweeps) == 80
        assert await world.value("stackledger_scrape_last_success_timestamp_seconds", target="t1") < 1_700_000_000
        await world.scheduler.close()

    run(test)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectError("refused"), "connect"),
        (AuthError("no"), "auth"),
        (ReadTimeoutError("slow"), "timeout"),
        (ProtocolError("odd"), "protocol"),
        (TimeoutError(), "timeout"),
        (ValueError("a bug"), "defect"),
        (asyncio.CancelledError(), "defect"),
        (RecursionError(), "defect"),
        (MemoryError(), "defect"),
    ],
    ids=repr,
)
def test_a_failed_read_is_counted_by_class_told_once_and_retried_less_often(
    error: BaseException, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def test() -> None:
        world = World()
        world.behaviour["bad"] = raising(error)
        await world.scheduler.apply(world.plan("bad", "good"))
        await world.clock.advance(600)
        tries = [when for name, _, when in world.sweeps if name == "bad"]
        gaps = [round((b - a) / 15) for a, b in itertools.pairwise(tries)]
        assert gaps[:7] == [1, 1, 1, 2, 4, 5, 5]
        assert await world.value(SUCCESS, target="bad") == 0
        assert await world.value("stackledger_scrape_failures_total", target="bad", reason=reason) == len(tries)
        assert await world.value("stackledger_breaker_open", target="bad") == 1
        skipped = await world.value("stackledger_scrape_skipped_total", target="bad", reason="breaker")
        assert skipped == sum(gap - 1 for gap in gaps)
        assert sum(name == "good" for name, _, _ in world.sweeps) == 40
        assert await world.value(SUCCESS, target="good") == 1
        lines = [record for record in caplog.records if getattr(record, "target", "") == "bad"]
        assert len(lines) == 1, [record.getMessage() for record in lines]
        del world.behaviour["bad"]
        await world.clock.advance(90)
        assert [r.getMessage() for r in caplog.records if getattr(r, "target", "") == "bad"][1:] == [
            "target is read again"
        ]
        assert await world.value("stackledger_breaker_open", target="bad") == 0
        assert await world.value(SUCCESS, target="bad") == 1
        await world.scheduler.close()

    run(test)


def test_a_defect_whose_text_changes_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        world = World()

        async def buggy(_lane: str) -> Snapshot:
            raise KeyError(object())

        world.behaviour["t"] = buggy
        await world.scheduler.apply(world.plan("t"))
        await world.clock.advance(60)
        assert len(world.sweeps) >= 3
        assert len(caplog.records) == 1
        assert caplog.records[0].exc_info is not None
        await world.scheduler.close()

    run(test)


@pytest.mark.parametrize(
    "given",
    [
        None,
        "nonsense",
        Snapshot({"n": None}),  # type: ignore[dict-item]
        Snapshot({"n": Part(0.0), 5: Part(0.0)}),  # type: ignore[dict-item]
    ],
    ids=repr,
)
def test_a_snapshot_that_is_none_costs_only_its_target(given: Any) -> None:
    async def test() -> None:
        world = World()
        world.behaviour["bad"] = giving(given)
        await world.scheduler.apply(world.plan("bad", "good"))
        await world.clock.advance(61)
        assert await world.value("stackledger_scrape_failures_total", target="bad", reason="defect") >= 3
        assert await world.value(SUCCESS, target="good") == 1
        await world.scheduler.close()

    run(test)


def test_samples_that_cannot_be_shown_leave_nothing_of_their_target_and_all_of_the_others() -> None:
    async def test() -> None:
        world = World()
        await world.scheduler.apply(world.plan("bad", "good"))
        await world.clock.advance(5)
        assert await world.value("stackledger_load_ratio", cluster="bad") == 0.5
        wrong = Part(0.0, instance="b")
        wrong.rows[SIZE] = Rows([("a", "too many")], [1.0])
        fine = node(world.clock, "a")
        world.behaviour["bad"] = giving(Snapshot({"1": fine, "2": wrong, "3": fine}))
        await world.clock.advance(65)
        shown = [name for name, labels in await world.shown() if dict(labels).get("cluster") == "bad"]
        assert shown
        assert all(name.startswith("stackledger_") and "load" not in name and "size" not in name for name in shown)
        assert await world.value(SUCCESS, target="bad") == 0
        assert await world.value("stackledger_breaker_open", target="bad") == 1
        assert await world.value(SUCCESS, target="good") == 1
        del world.behaviour["bad"]
        await world.clock.advance(90)
        assert await world.value("stackledger_load_ratio", cluster="bad") == 0.5
        await world.scheduler.close()
        assert world.page.owners <= {("targets",)}

    run(test)


def test_a_read_that_hangs_ends_at_its_timeout_and_delays_nobody() -> None:
    async def test() -> None:
        world = World()
        for name in ("h1", "h2", "h3"):
            world.behaviour[name] = forever
        await world.scheduler.apply(world.plan("h1", "h2", "h3", *(f"g{i}" for i in range(20)), concurrency=4))
        await world.clock.advance(30)
        await asyncio.wait_for(world.page.text(Format.PROMETHEUS), 1)
        await world.clock.advance(270)
        for i in range(20):
            times = [when for name, _, when in world.sweeps if name == f"g{i}"]
            assert len(times) == 20
            assert max(b - a for a, b in itertools.pairwise(times)) <= 15 * 1.2
        assert await world.value("stackledger_scrape_duration_seconds", target="h1") == 10
        assert await world.value("stackledger_scrape_failures_total", target="h1", reason="timeout") >= 3
        await world.scheduler.close()

    run(test)


def test_many_that_hang_take_no_turns_from_the_healthy() -> None:
    """A fifth of the targets is a black hole, more than there are slots."""

    async def test() -> None:
        world = World()
        bad = [f"h{i}" for i in range(10)]
        good = [f"g{i}" for i in range(40)]
        await world.scheduler.apply(world.plan(*bad, *good, concurrency=4))
        await world.clock.advance(30)
        for name in bad:
            world.behaviour[name] = forever
        await world.clock.advance(60)  # everybody notices
        world.sweeps.clear()
        await world.clock.advance(300)
        for name in good:
            times = [when for who, _, when in world.sweeps if who == name]
            assert max(b - a for a, b in itertools.pairwise(times)) <= 15 * 1.2
        assert all(any(who == name for who, _, _ in world.sweeps) for name in bad)
        await world.scheduler.close()

    run(test)


def test_a_read_that_ignores_its_cancellation_is_left_behind_and_the_target_opened_anew() -> None:
    async def test() -> None:
        world = World()
        let_go = asyncio.Event()

        async def stubborn(_lane: str) -> Snapshot:
            while not let_go.is_set():
                try:
                    await let_go.wait()
                except asyncio.CancelledError:
                    continue
            return Snapshot({})

        await world.scheduler.apply(world.plan("t", concurrency=1))
        await world.clock.advance(5)
        assert await world.value("fake_up") == 1
        world.behaviour["t"] = stubborn
        await world.clock.advance(16)
        await world.clock.advance(16)
        assert await world.value("fake_up") == 0, "the page must not go on saying that all is well"
        assert await world.value("stackledger_scrape_failures_total", reason="timeout") == 1
        assert len(world.sources) >= 1
        assert world.sources[0].closed
        await world.clock.advance(200)
        assert len(world.sources) == 2, "two may hang, then no more are begun"
        assert await world.value("stackledger_scrape_failures_total", reason="timeout") >= 4
        let_go.set()
        del world.behaviour["t"]
        await world.clock.advance(100)
        assert await world.value("fake_up") == 1
        await world.scheduler.close()

    run(test)


def test_a_read_that_overruns_skips_and_keeps_to_its_grid() -> None:
    async def test() -> None:
        world = World()

        async def slow(_lane: str) -> Snapshot:
            await world.clock.sleep(9.5)
            return Snapshot({"n": node(world.clock, "n")})

        world.behaviour["t"] = slow
        await world.scheduler.apply(world.plan("t", interval_seconds=4, timeout_seconds=4))
        await world.clock.advance(30)
        assert await world.value("stackledger_scrape_failures_total", reason="timeout")
        await world.scheduler.close()
        world = World()
        blocker = asyncio.Event()

        async def queued(_lane: str) -> Snapshot:
            await blocker.wait()
            return Snapshot({"n": node(world.clock, "n")})

        world.behaviour["a"] = queued
        await world.scheduler.apply(world.plan("a", "b", concurrency=1, interval_seconds=60, timeout_seconds=50))
        await world.clock.advance(40)
        blocker.set()
        await world.clock.advance(300)
        for name in "ab":
            times = [when for who, _, when in world.sweeps if who == name]
            grid = times[-1] % 60
            assert all(abs(when % 60 - grid) < 1e-6 for when in times[1:])
        await world.scheduler.close()

    run(test)


def test_parts_that_fail_are_told_held_and_dropped_as_declared() -> None:
    async def test() -> None:
        world = World()
        both = Snapshot({"n1": node(world.clock, "n1:1"), "n2": node(world.clock, "n2:1")})
        world.behaviour["t"] = giving(both)
        await world.scheduler.apply(world.plan("t"))
        await world.clock.advance(5)
        assert await world.value("fake_up", instance="n2:1") == 1
        half = Snapshot(
            {"n1": node(world.clock, "n1:1")}, failed={"n2": ConnectError("gone"), "n3": ConnectError("new")}
        )
        world.behaviour["t"] = giving(half)
        await world.clock.advance(15)
        assert await world.value(SUCCESS) == 0
        assert await world.value("stackledger_scrape_completeness_ratio") == pytest.approx(1 / 3)
        assert await world.value("fake_up", instance="n2:1") == 0
        assert await world.value("fake_up", instance="n3") == 0
        assert await world.value("stackledger_now", instance="n2:1") is None
        assert await world.value("stackledger_load_ratio", instance="n2:1") == 0.5
        await world.clock.advance(30)
        assert await world.value("stackledger_load_ratio", instance="n2:1") is None
        assert await world.value("stackledger_size_bytes", instance="n2:1") == 100
        assert await world.value("stackledger_breaker_open") == 0
        world.behaviour["t"] = giving(Snapshot({"n1": node(world.clock, "n1:1")}))
        await world.clock.advance(15)
        assert await world.value("stackledger_size_bytes", instance="n2:1") is None
        assert await world.value("fake_up", instance="n2:1") is None
        await world.scheduler.close()

    run(test)


def test_the_part_of_the_whole_target_is_no_node() -> None:
    async def test() -> None:
        world = World()
        world.behaviour["t"] = giving(
            Snapshot({"n1": node(world.clock, "n1:1")}, failed={"cluster": ReadTimeoutError("slow")})
        )
        await world.scheduler.apply(world.plan("t"))
        await world.clock.advance(5)
        assert await world.value("fake_up") == 1  # the only one
        await world.scheduler.close()

    run(test)


def test_facets_are_told_apart() -> None:
    async def test() -> None:
        world = World()
        world.behaviour["t"] = giving(
            Snapshot({"n": node(world.clock, "n")}, facets={"latency": None, "size": AuthError("no right")})
        )
        await world.scheduler.apply(world.plan("t"))
        await world.clock.advance(5)
        assert await world.value("stackledger_facet_success", facet="latency") == 1
        assert await world.value("stackledger_facet_success", facet="size") == 0
        assert await world.value(SUCCESS) == 0
        assert world.scheduler.statuses[0].word == "partly seen"
        assert "no right" in world.scheduler.statuses[0].trouble
        await world.scheduler.close()

    run(test)


def test_both_lanes_share_connections_and_state() -> None:
    async def test() -> None:
        world = World(slow=True)
        whole = Part(0.0)
        whole.add(TOTAL, 7)

        async def by_lane(lane: str) -> Snapshot:
            return Snapshot({"n": node(world.clock, "n")} if lane == "fast" else {"cluster": whole})

        world.behaviour["t"] = by_lane
        await world.scheduler.apply(world.plan("t"))
        await world.clock.advance(301)
        assert len(world.sources) == 1
        assert {lane for _, lane, _ in world.sweeps} == {"fast", "slow"}
        assert await world.value("fake_up") == 1
        assert await world.value("stackledger_whole_bytes") == 7
        assert await world.value("stackledger_state_start_timestamp_seconds") == 1_700_000_000
        await world.scheduler.close()

    run(test)


# -- reload ----------------------------------------------------------------------------------------------------------


def test_a_reload_disturbs_only_what_changed(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(directory=tmp_path)
        before = world.plan("keep", "change", "gone")
        await world.scheduler.apply(before)
        await world.clock.advance(20)
        running = world.scheduler._running
        kept, changed = running["fake/keep"], running["fake/change"]
        task, state = kept.tasks[0], kept.state
        after = {**world.plan("keep", "new"), **world.plan("change", interval_seconds=30)}
        await world.scheduler.apply(after)
        assert running["fake/keep"] is kept
        assert kept.tasks == [task]
        assert not task.done()
        assert running["fake/keep"].state is state
        assert running["fake/change"] is not changed
        assert running["fake/change"].state.sweeps == changed.state.sweeps > 0, "the counters survive"  # type: ignore[attr-defined]
        assert set(world.scheduler.targets) == {"fake/keep", "fake/change", "fake/new"}
        clusters = {dict(labels).get("cluster") for _, labels in await world.shown()}
        assert "gone" not in clusters
        assert all("gone" not in owner for owner in world.page.owners)  # type: ignore[operator]
        assert {source.opening.settings.name for source in world.sources if source.closed} == {"change", "gone"}
        await world.clock.advance(20)
        assert await world.value("stackledger_targets") == 3
        await world.scheduler.close()
        assert all(source.closed for source in world.sources)
        assert world.page.owners == {("targets",)}

    run(test)


def test_only_what_is_owned_is_read() -> None:
    async def test() -> None:
        world = World()
        shards = [world.new_scheduler(lambda name, k=k: int(name[-1]) % 2 == k) for k in (0, 1)]  # type: ignore[misc]
        for shard in shards:
            await shard.apply(world.plan("t1", "t2", "t3", "t4"))
        assert set(shards[0].targets) == {"fake/t2", "fake/t4"}
        assert set(shards[1].targets) == {"fake/t1", "fake/t3"}
        for shard in shards:
            await shard.close()

    run(test)


def test_a_target_that_does_not_close_holds_up_neither_a_reload_nor_the_end() -> None:
    async def test() -> None:
        world = World()
        stop = asyncio.Event()

        async def stubborn() -> None:
            while not stop.is_set():
                try:
                    await stop.wait()
                except asyncio.CancelledError:
                    continue

        world.on_close = stubborn
        await world.scheduler.apply(world.plan("a", "b", "c"))
        await world.clock.advance(5)
        reload = asyncio.create_task(world.scheduler.apply(world.plan("d")))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not {dict(labels).get("cluster") for _, labels in await world.shown()} & {"a", "b", "c"}, "gone at once"
        await world.clock.advance(7)
        await asyncio.wait_for(reload, 1)
        assert set(world.scheduler.targets) == {"fake/d"}
        stop.set()
        await world.scheduler.close()

    run(test)


def test_a_target_that_fails_to_close_is_no_trouble_to_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        world = World()

        async def broken() -> None:
            raise ValueError("cannot close")

        world.on_close = broken
        await world.scheduler.apply(world.plan("a", "b"))
        await world.clock.advance(5)
        await world.scheduler.apply(world.plan("c"))
        assert set(world.scheduler.targets) == {"fake/c"}
        assert {record.target for record in caplog.records} == {"a", "b"}  # type: ignore[attr-defined]
        await world.scheduler.close()

    run(test)


def test_a_read_under_way_when_its_target_goes_shows_nothing_any_more() -> None:
    async def test() -> None:
        world = World()
        go_on = asyncio.Event()

        async def late(_lane: str) -> Snapshot:
            await go_on.wait()
            return Snapshot({"n": node(world.clock, "n")})

        world.behaviour["t"] = late
        for planned in world.plan("t").values():
            world.scheduler.prepare(planned)
        sweep = asyncio.create_task(world.scheduler.sweep_once())
        await asyncio.sleep(0.01)
        await world.scheduler.close()
        go_on.set()
        await sweep
        assert world.page.owners == frozenset()

    run(test)


def test_states_are_saved_and_a_forgotten_target_leaves_no_file(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(directory=tmp_path)
        await world.scheduler.apply(world.plan("a", "b"))
        await world.clock.advance(61)
        await world.scheduler.save_states()
        assert {path.name for path in tmp_path.rglob("*")} == {"fake", "a.state", "b.state"}
        await world.scheduler.apply(world.plan("a"))
        assert {path.name for path in tmp_path.rglob("*.state")} == {"a.state"}
        sweeps = world.scheduler._running["fake/a"].state.sweeps  # type: ignore[attr-defined]
        await world.scheduler.close()
        again = World(directory=tmp_path)
        await again.scheduler.apply(again.plan("a", "b"))
        states = {name: running.state.sweeps for name, running in again.scheduler._running.items()}  # type: ignore[attr-defined]
        assert states == {"fake/a": sweeps, "fake/b": 0}
        await again.scheduler.close()

    run(test)


# -- watched targets -------------------------------------------------------------------------------------------------


class Watched(FakeSource):
    """A source that is watched; the watch ends as the test says."""

    def __init__(self, world: World, opening: Any) -> None:
        super().__init__(world, opening)
        self.streams = 0
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def stream(self) -> None:
        self.streams += 1
        await asyncio.shield(self.end)


def test_a_watch_that_breaks_is_told_and_begun_again_at_once() -> None:
    async def test() -> None:
        world = World()
        world.make = Watched
        await world.scheduler.apply(world.plan("t"))
        await world.clock.advance(20)
        (source,) = world.sources
        assert isinstance(source, StreamSource)
        assert source.streams == 1
        source.end.set_exception(ConnectError("watch broke"))
        await world.clock.advance(15)
        assert source.streams == 2
        assert await world.value("stackledger_scrape_failures_total", reason="connect") == 1
        await world.clock.advance(60)
        assert await world.value("stackledger_breaker_open") == 1, "a watch that always breaks is a failure each time"
        source.end = asyncio.get_running_loop().create_future()
        await world.clock.advance(200)
        streams = source.streams
        await world.clock.advance(100)
        assert await world.value(SUCCESS) == 1
        assert source.streams == streams
        source.end.set_result(None)  # ends without a reason
        await world.clock.advance(15)
        assert source.streams > streams
        await world.scheduler.close()

    run(test)


@pytest.mark.parametrize("error", [ConnectError("gone"), ValueError("a bug")], ids=repr)
def test_a_broken_watch_does_not_keep_its_target_from_closing(error: Exception) -> None:
    async def test() -> None:
        world = World()
        world.make = Watched
        await world.scheduler.apply(world.plan("t", "u"))
        await world.clock.advance(6)
        world.sources[0].end.set_exception(error)
        await asyncio.sleep(0)
        await world.scheduler.close()
        assert all(source.closed for source in world.sources)

    run(test)


# -- for a long time -------------------------------------------------------------------------------------------------


def test_nothing_grows_when_targets_and_parts_come_and_go() -> None:
    async def test() -> None:
        world = World()
        turn = 0

        async def changing(_lane: str) -> Snapshot:
            return Snapshot(
                {f"n{turn}": node(world.clock, f"n{turn}:1")},
                failed={f"f{turn}": ConnectError("x")},
                facets={f"x{turn}": None},
            )

        sizes = []
        for turn in range(1, 61):
            names = [f"t{turn}", f"t{turn + 1}", "always"]
            world.behaviour = dict.fromkeys(names, changing)
            await world.scheduler.apply(world.plan(*names))
            await world.clock.advance(16)
            groups = world.page._groups
            sizes.append(
                (
                    len(world.page.owners),
                    len(world.page._owned),
                    sum(len(b) for g in groups for b in g._families.values()),
                    len(world.scheduler._running),
                    len(world.scheduler._slots),
                    len(asyncio.all_tasks()),
                    sum(len(r._kept.parts) for s in world.scheduler._running.values() for r in s.runners.values()),
                    sum(len(s.owners) for s in world.scheduler._running.values()),
                )
            )
        assert sizes[-1] == sizes[10], (sizes[10], sizes[-1])
        assert len(world.clock._sleepers) < 500
        await world.scheduler.close()

    run(test)


def test_a_thousand_failures_leak_no_task_and_no_socket() -> None:
    """Against a real listener that accepts, says half a word and hangs up, and a port where nobody listens."""

    async def test() -> None:
        async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"+PO")
            writer.close()

        server = await asyncio.start_server(half, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        world = World(clock=SystemClock())

        async def call(_lane: str) -> Snapshot:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                await reader.readuntil(b"\r\n")
            except asyncio.IncompleteReadError as error:
                raise ProtocolError("half an answer") from error
            finally:
                writer.close()
                await writer.wait_closed()
            return Snapshot({})

        world.behaviour = dict.fromkeys(("a", "b", "c", "d"), call)
        for planned in world.plan("a", "b", "c", "d").values():
            world.scheduler.prepare(planned)
        await world.scheduler.sweep_once()
        gc.collect()
        tasks, files = len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(250):
            await world.scheduler.sweep_once()
        await asyncio.sleep(0.05)
        failed = await world.value("stackledger_scrape_failures_total", target="a", reason="protocol")
        assert failed == 251
        assert len(asyncio.all_tasks()) <= tasks + 1
        assert len(list(Path("/proc/self/fd").iterdir())) <= files + 2
        await world.scheduler.close()
        server.close()
        await server.wait_closed()

    run(test)


def test_the_place_is_on_every_series() -> None:
    async def test() -> None:
        world = World()
        world.scheduler._place = Place("production", "eu")
        await world.scheduler.apply(world.plan("t"))
        await world.clock.advance(5)
        for name, labels in await world.shown():
            assert {"environment": "production", "region": "eu"}.items() <= dict(labels).items(), name
        await world.scheduler.close()

    run(test)


def test_metrics_used_here() -> None:
    assert (UP.name, LOAD.missing.intervals, NOW.missing.intervals, SIZE.missing.intervals) == ("fake_up", 2, 0, None)
