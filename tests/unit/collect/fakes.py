"""A monitored system that does what a test says, and the wiring to read it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Label, Metric, drop_after, metrics_of
from stackledger.clients.settings import TargetSettings
from stackledger.clock import Clock, ManualClock
from stackledger.collect import metrics as cm
from stackledger.collect.checkpoint import Checkpoints
from stackledger.collect.integration import Integration, Opening, Source, State
from stackledger.collect.plan import Planned, plan
from stackledger.collect.runner import Timing
from stackledger.collect.scheduler import Place, Scheduler
from stackledger.collect.settings import Section
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.exposition import Format, Page
from tests.unit.exposition.families import Samples, read


class Shard(Label):
    """A shard (fake)."""


UP = Metric("fake_up", Kind.GAUGE, units.STATE, "1 if read (fake).", compat="fake_exporter")
LOAD = Metric("stackledger_load_ratio", Kind.GAUGE, units.RATIO, "Drops after two (fake).", missing=drop_after(2))
SIZE = Metric(
    "stackledger_size_bytes", Kind.GAUGE, units.BYTES, "Is held (fake).", labels=(Shard,), budget=3, missing=HOLD
)
NOW = Metric("stackledger_now", Kind.GAUGE, units.COUNT, "Drops at once (fake).", missing=drop_after(0))
TOTAL = Metric("stackledger_whole_bytes", Kind.GAUGE, units.BYTES, "Of the cluster (fake).", node=False)
WAIT = Metric("stackledger_wait_seconds", Kind.HISTOGRAM, units.SECONDS, "Waits (fake).", labels=(Shard,), budget=2)
METRICS = (UP, LOAD, SIZE, NOW, TOTAL, WAIT)

Sweep = Callable[[str], Coroutine[Any, Any, Snapshot]]


class FakeState(State):
    """Counts sweeps."""

    sweeps: int = 0


class FakeTarget(TargetSettings):
    """A fake target."""

    seeds: tuple[str, ...] = ()
    flavour: str = ""


class FakeSource:
    """A source that calls what the test set for its target."""

    def __init__(self, world: World, opening: Opening[FakeTarget, FakeState]) -> None:
        self.world = world
        self.opening = opening
        self.closed = False

    async def sweep(self, lane: str) -> Snapshot:
        name = self.opening.settings.name
        self.world.sweeps.append((name, lane, self.opening.clock.monotonic()))
        self.opening.state.sweeps += 1
        return await self.world.behaviour.get(name, self.world.default)(lane)

    async def close(self) -> None:
        self.closed = True
        await self.world.on_close()


class World:
    """All fake targets of a test, a page and a scheduler that reads them."""

    def __init__(self, *, slow: bool = False, directory: Path | None = None, clock: Clock | None = None) -> None:
        self.clock: Any = clock or ManualClock()
        self.sweeps: list[tuple[str, str, float]] = []
        self.behaviour: dict[str, Sweep] = {}
        self.sources: list[Any] = []
        self.make: Callable[[World, Any], Source] = FakeSource
        self.on_close: Callable[[], Coroutine[Any, Any, None]] = _nothing
        self.integration = Integration(
            name="fake",
            title="Fake",
            settings=FakeTarget,
            metrics=METRICS,
            open=self._open,
            folder=Path(),
            state=FakeState,
            up=UP,
            job="fake",
            slow=slow,
            addresses="seeds",
        )
        self.page = Page((*METRICS, *metrics_of(cm)), self.clock)
        self.checkpoints = Checkpoints(directory)
        self.scheduler = self.new_scheduler()

    def new_scheduler(self, owns: Callable[[str], bool] = lambda _id: True) -> Scheduler:
        return Scheduler(
            {"fake": self.integration},
            self.page,
            clock=self.clock,
            place=Place("test", ""),
            checkpoints=self.checkpoints,
            owns=owns,
        )

    def _open(self, opening: Any) -> Source:
        source = self.make(self, opening)
        self.sources.append(source)
        return source

    async def default(self, lane: str) -> Snapshot:
        return Snapshot({"n1": node(self.clock, "n1:1")})

    def plan(self, *names: str, **section: Any) -> dict[str, Planned]:
        targets = tuple(FakeTarget(name=name) for name in names)
        return plan(self.integration, Section[FakeTarget](targets=targets, **section))

    async def shown(self) -> Samples:
        return read((await self.page.text(Format.PROMETHEUS)).decode(), Format.PROMETHEUS)

    async def value(self, name: str, **labels: str) -> float | None:
        """The only sample of that name with these labels; None where there is none."""
        found = [v for (n, own), v in (await self.shown()).items() if n == name and labels.items() <= dict(own).items()]
        assert len(found) <= 1, found
        return found[0] if found else None


TIMING = Timing(15.0, 10.0)


def node(clock: Clock, instance: str, load: float = 0.5) -> Part:
    part = Part(clock.now(), instance=instance)
    part.add(LOAD, load)
    part.add(SIZE, 100.0, "a")
    part.add(NOW, 1.0)
    return part


async def _nothing() -> None:
    return None


async def forever(_lane: str) -> Snapshot:
    await asyncio.Event().wait()
    raise AssertionError


def raising(error: BaseException) -> Sweep:
    async def sweep(_lane: str) -> Snapshot:
        raise error

    return sweep


def giving(snapshot: Any) -> Sweep:
    async def sweep(_lane: str) -> Snapshot:
        return snapshot  # type: ignore[no-any-return]

    return sweep


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the test; no task may be left when it ends."""

    async def main() -> None:
        before = asyncio.all_tasks()
        await test()
        for _ in range(5):
            await asyncio.sleep(0)
        left = {task.get_name() for task in asyncio.all_tasks() - before}
        assert not left, f"tasks left: {left}"

    asyncio.run(main())
