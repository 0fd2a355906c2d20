"""All targets of this process: starts, stops and keeps them as the plan says, and puts what they read on the page."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackledger.clock import Clock
from stackledger.collect import metrics as m
from stackledger.collect.bounded import Bounded
from stackledger.collect.checkpoint import Checkpoints
from stackledger.collect.integration import Integration, State
from stackledger.collect.plan import Planned
from stackledger.collect.runner import LaneRunner, OpenTarget, Reading, Status
from stackledger.collect.snapshot import WHOLE, Part, families
from stackledger.errors import TargetError
from stackledger.exposition import Page, PartLabels

_LOG = logging.getLogger(__name__)
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """The labels that every series carries: where this process stands."""

    environment: str
    region: str


@dataclass(slots=True)
class _Running:
    """A target being read."""

    planned: Planned
    target: OpenTarget
    state: State
    began: float
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    owners: set[tuple[str, ...]] = field(default_factory=set)
    runners: dict[str, LaneRunner] = field(default_factory=dict)


class Scheduler:
    """The targets that this process owns. `owns` decides by id, so that sharding is only another set."""

    def __init__(
        self,
        integrations: Mapping[str, Integration[Any, Any]],
        page: Page,
        *,
        clock: Clock,
        place: Place,
        checkpoints: Checkpoints,
        owns: Callable[[str], bool] = lambda _target: True,
    ) -> None:
        self._integrations = integrations
        self._page = page
        self._clock = clock
        self._place = place
        self._checkpoints = checkpoints
        self._owns = owns
        self._running: dict[str, _Running] = {}
        self._slots: dict[tuple[str, int], tuple[asyncio.Semaphore, asyncio.Semaphore]] = {}

    @property
    def targets(self) -> Mapping[str, Planned]:
        """What is being read, by id."""
        return {name: running.planned for name, running in self._running.items()}

    @property
    def statuses(self) -> tuple[Status, ...]:
        """How the last read of every target and lane went."""
        return tuple(runner.status for running in self._running.values() for runner in running.runners.values())

    async def apply(self, wanted: Mapping[str, Planned]) -> None:
        """Make the running targets those of the plan; an unchanged one goes on undisturbed."""
        wanted = {name: planned for name, planned in wanted.items() if self._owns(name)}
        old = {name for name, running in self._running.items() if wanted.get(name) != running.planned}
        await asyncio.gather(*(self._stop(name, forget=name not in wanted) for name in old))
        for name, planned in wanted.items():
            if name not in self._running:
                self._start(planned)
        self._count_targets()

    async def sweep_once(self) -> None:
        """Read every target and lane once, now; for commands that need one picture."""
        runners = [runner for running in self._running.values() for runner in running.runners.values()]
        await asyncio.gather(*(runner.run_once() for runner in runners))

    async def close(self) -> None:
        """Stop all targets and save their states."""
        await asyncio.gather(*(self._stop(name, forget=False) for name in list(self._running)))

    async def save_states(self) -> None:
        """Write every target's state, so that a restart goes on from here."""
        for name, running in list(self._running.items()):
            if self._running.get(name) is running:  # it may have been stopped while another was saved
                await asyncio.to_thread(self._checkpoints.save, name, running.state, running.began)

    # -- one target --------------------------------------------------------------------------------------------------

    def prepare(self, planned: Planned) -> None:
        """Make a target ready to be read by `sweep_once`, without a schedule."""
        integration = self._integrations[planned.integration]
        now = self._clock.now()
        state, began = self._checkpoints.load(planned.id, integration.state, now)
        timeout = planned.timings[0][1].timeout_seconds
        target = OpenTarget(integration, planned.settings, state, self._clock, timeout)
        running = _Running(planned, target, state, began)
        size = planned.concurrency
        slots, trouble = self._slots.setdefault(
            (integration.name, size), (asyncio.Semaphore(size), asyncio.Semaphore(size))
        )
        for lane, timing in planned.timings:
            running.runners[lane] = LaneRunner(
                target,
                lane,
                timing,
                clock=self._clock,
                slots=slots,
                trouble_slots=trouble,
                publish=self._publisher(running),
            )
        self._running[planned.id] = running

    def _start(self, planned: Planned) -> None:
        self.prepare(planned)
        running = self._running[planned.id]
        running.tasks = [
            asyncio.create_task(runner.run(), name=f"{planned.id}/{lane}") for lane, runner in running.runners.items()
        ]

    async def _stop(self, name: str, *, forget: bool) -> None:
        """Take a target off the page at once, then end its reads and connections, whatever they say to it."""
        running = self._running.pop(name)
        for task in running.tasks:
            task.cancel()
        for owner in running.owners:
            self._page.drop(owner)
        if running.tasks:
            await asyncio.wait(running.tasks)
        with contextlib.suppress(TargetError):
            await Bounded(self._clock).run(running.target.close(), _CLOSE_SECONDS)
        if forget:
            await asyncio.to_thread(self._checkpoints.forget, name)
        else:
            await asyncio.to_thread(self._checkpoints.save, name, running.state, running.began)

    # -- the page ----------------------------------------------------------------------------------------------------

    def _publisher(self, running: _Running) -> Callable[[str, Reading], None]:
        def publish(lane: str, reading: Reading) -> None:
            if self._running.get(running.planned.id) is not running:
                return  # stopped while it was being read
            shown = self._put_parts(running, lane, reading) | self._put_own(running, lane, reading)
            for owner in [owner for owner in running.owners if owner[1] == lane and owner not in shown]:
                self._page.drop(owner)
                running.owners.discard(owner)
            running.owners |= shown

        return publish

    def _labels(self, running: _Running, instance: str) -> PartLabels:
        planned = running.planned
        return PartLabels(planned.settings.name, self._place.environment, self._place.region, instance, planned.job)

    def _own_labels(self, running: _Running) -> PartLabels:
        """Of series about our reading of the target: they are ours, so instance and job are left to Prometheus."""
        return PartLabels(running.planned.settings.name, self._place.environment, self._place.region)

    def _put_parts(self, running: _Running, lane: str, reading: Reading) -> set[tuple[str, ...]]:
        up = self._integrations[running.planned.integration].up if lane == "fast" else None
        shown: set[tuple[str, ...]] = set()
        for name in sorted(reading.kept.parts.keys() | reading.parts.keys()):
            kept = reading.kept.parts.get(name)
            rows = {} if kept is None else families(kept.rows)
            instance = name if kept is None else kept.instance
            if up is not None and instance and (kept is not None or name != WHOLE):
                rows[up] = ([()], [float(reading.parts.get(name, False))])
            owner = (running.planned.id, lane, name)
            self._page.put(owner, self._labels(running, instance), rows)
            running.owners.add(owner)  # at once: a later part may fail to be shown
            shown.add(owner)
        return shown

    def _put_own(self, running: _Running, lane: str, reading: Reading) -> set[tuple[str, ...]]:
        if lane == "fast":
            labels = (running.planned.integration, running.planned.settings.name)
            reading.own.add(m.STATE_START, running.began, *labels)
        owner = (running.planned.id, lane, "", "own")
        self._page.put(owner, self._own_labels(running), families(reading.own.rows))
        return {owner}

    def _count_targets(self) -> None:
        part = Part(self._clock.now())
        for name in self._integrations:
            count = sum(running.planned.integration == name for running in self._running.values())
            if count:
                part.add(m.TARGETS, count, name)
        labels = PartLabels(environment=self._place.environment, region=self._place.region)
        self._page.put(("targets",), labels, families(part.rows))
