"""The observer: configuration in, targets read, page kept. Holds what a reload must keep and what it may replace."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from stackledger import registry
from stackledger.clock import Clock
from stackledger.collect import metrics as cm
from stackledger.collect.checkpoint import Checkpoints
from stackledger.collect.discovery import Found, look_up
from stackledger.collect.integration import Domain
from stackledger.collect.plan import Planned, plan
from stackledger.collect.runner import Status
from stackledger.collect.scheduler import Place, Scheduler
from stackledger.collect.settings import Discovery
from stackledger.collect.snapshot import Part, families
from stackledger.config import Configuration, load
from stackledger.errors import ConfigError, DiscoveryError, Mistake
from stackledger.exposition import Page, PartLabels
from stackledger.serve.own import OwnSamples

_LOG = logging.getLogger(__name__)

_CHECKPOINT_SECONDS = 60.0

DiscoveryPlace = tuple[str, int]
"""An integration and which of its discoveries."""


@dataclass(slots=True)
class Probe:
    """A target that is read only when asked for, with a page of its own."""

    page: Page
    scheduler: Scheduler
    lock: asyncio.Lock


class Observer:
    """One organisation's targets, being read."""

    def __init__(
        self,
        configuration: Configuration,
        clock: Clock,
        *,
        others_changed: Callable[[], None] = lambda: None,
        others_differ: bool = False,
    ) -> None:
        """`others_changed` is called when a reload was accepted that the service's other processes need too.

        `others_differ`: these may run with another configuration than this one, so the first reload is such.
        """
        self.configuration = configuration
        self.clock = clock
        self._others_changed = others_changed
        self._others_differ = others_differ
        self.page = Page(registry.metrics(), clock)
        self.own = OwnSamples(self.page, clock, self._labels())
        self._scheduler = self._new_scheduler(self.page)
        self._probes: dict[str, tuple[Planned, Probe]] = {}
        self._found: dict[DiscoveryPlace, tuple[Found, ...]] = {}
        self._watches: dict[DiscoveryPlace, tuple[Discovery, asyncio.Task[None]]] = {}
        self._discovery_good: dict[DiscoveryPlace, bool] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._changing = asyncio.Lock()

    @property
    def targets(self) -> Mapping[str, Planned]:
        """What is being read on a schedule, by id."""
        return self._scheduler.targets

    @property
    def probes(self) -> Mapping[str, Probe]:
        """What is read on request, by id."""
        return {name: probe for name, (_, probe) in self._probes.items()}

    @property
    def statuses(self) -> tuple[Status, ...]:
        """How the last read of every target and lane went, scheduled or on request."""
        asked = (status for _, probe in self._probes.values() for status in probe.scheduler.statuses)
        return (*self._scheduler.statuses, *asked)

    async def start(self) -> None:
        """Begin reading."""
        self.own.accepted(self.clock.now())
        async with self._changing:
            await self._apply()
        self._tasks = [
            asyncio.create_task(self._keep_states(), name="states"),
            asyncio.create_task(self.own.watch_loop(), name="loop watch"),
        ]

    async def close(self) -> None:
        """Stop reading; saves the states."""
        tasks = [*self._tasks, *(task for _, task in self._watches.values())]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        schedulers = [self._scheduler, *(probe.scheduler for probe in self.probes.values())]
        await asyncio.gather(*(scheduler.close() for scheduler in schedulers))

    async def reload(self) -> list[Mistake]:
        """Read the configuration again. With any mistake the one in force stays; the mistakes are returned."""
        async with self._changing:  # of two reloads the later one must read the later file
            try:
                configuration = await asyncio.to_thread(_load_again, self.configuration)
                _refuse_fixed_changes(self.configuration, configuration)
            except ConfigError as error:
                self.own.refused(len(error.mistakes))
                _LOG.error("configuration refused, the one in force stays", extra={"reason": str(error)})
                return error.mistakes
            changed = self._others_differ or _of_others(configuration) != _of_others(self.configuration)
            self.configuration = configuration
            self._others_differ = False
            self.own.accepted(self.clock.now())
            try:
                await self._apply()
            finally:  # it is in force, whatever a source of targets said
                if changed:
                    self._others_changed()
        _LOG.info("configuration accepted", extra={"targets": len(self.targets)})
        return []

    async def _keep_states(self) -> None:
        """Save the states of all targets now and then until cancelled."""
        while True:
            await self.clock.sleep(_CHECKPOINT_SECONDS)
            for scheduler in (self._scheduler, *(probe.scheduler for probe in self.probes.values())):
                await scheduler.save_states()

    # -- what shall be read ------------------------------------------------------------------------------------------

    async def _apply(self) -> None:
        """Bring everything to the configuration in force; the caller holds the lock."""
        wanted = {key: value for one in self._plans() for key, value in one.items()}
        await self._scheduler.apply({k: v for k, v in wanted.items() if not v.settings.probe_only})
        await self._apply_probes({k: v for k, v in wanted.items() if v.settings.probe_only})
        self._apply_watches()
        self._publish_discovery()

    def _plans(self) -> Iterable[dict[str, Planned]]:
        for integration, section in self.configuration.sections():
            lists = [self._found.get((integration.name, index), ()) for index in range(len(section.discover))]
            found = [one for each in lists for one in each]
            yield plan(integration, section, found, base=self.configuration.path.resolve().parent)

    async def _apply_probes(self, wanted: Mapping[str, Planned]) -> None:
        old = [name for name, (planned, _) in self._probes.items() if wanted.get(name) != planned]
        await asyncio.gather(*(self._probes.pop(name)[1].scheduler.close() for name in old))
        for name, planned in wanted.items():
            if name not in self._probes:
                page = Page(registry.metrics(), self.clock)
                scheduler = self._new_scheduler(page)
                scheduler.prepare(planned)
                self._probes[name] = (planned, Probe(page, scheduler, asyncio.Lock()))

    def _new_scheduler(self, page: Page) -> Scheduler:
        root = self.configuration.root
        directory = root.data_dir / "state" if root.data_dir is not None else None
        place = Place(root.environment, root.region)
        return Scheduler(registry.by_name(), page, clock=self.clock, place=place, checkpoints=Checkpoints(directory))

    # -- discovery ---------------------------------------------------------------------------------------------------

    def _apply_watches(self) -> None:
        """One watch per discovery. A changed one starts anew; what the old one found stays until the new one looked."""
        wanted = {
            (integration.name, index): discovery
            for integration, section in self.configuration.sections()
            for index, discovery in enumerate(section.discover)
        }
        for at, (discovery, task) in list(self._watches.items()):
            if wanted.get(at) != discovery:
                task.cancel()
                del self._watches[at]
            if at not in wanted:
                self._found.pop(at, None)
                self._discovery_good.pop(at, None)
        for at in wanted.keys() - self._watches.keys():
            task = asyncio.create_task(self._watch(at, wanted[at]), name=f"discovery {at[0]}")
            self._watches[at] = (wanted[at], task)

    async def _watch(self, at: DiscoveryPlace, discovery: Discovery) -> None:
        while True:
            await self._look_up(at, discovery)
            await self.clock.sleep(discovery.refresh_seconds)

    async def _look_up(self, at: DiscoveryPlace, discovery: Discovery) -> None:
        """Look once. A failed or empty answer, or one that makes no usable target, changes nothing but its metric."""
        try:
            found = await look_up(discovery)
            async with self._changing:
                await self._take(at, found)
        except DiscoveryError as error:
            if self._discovery_good.get(at, True):
                _LOG.warning("discovery failed, targets stay", extra={"integration": at[0], "reason": str(error)})
            self._discovery_good[at] = False
        else:
            self._discovery_good[at] = True
        self._publish_discovery()

    async def _take(self, at: DiscoveryPlace, found: tuple[Found, ...]) -> None:
        """Make what was found the targets; what was found before stays if it makes no usable ones."""
        before = self._found.get(at, ())
        if found == before:
            return
        self._found[at] = found
        try:
            await self._apply()
        except DiscoveryError:
            self._found[at] = before
            raise

    def _publish_discovery(self) -> None:
        part = Part(self.clock.now())
        for name in sorted({name for name, _ in self._discovery_good}):
            good = all(well for at, well in self._discovery_good.items() if at[0] == name)
            part.add(cm.DISCOVERY_SUCCESS, float(good), name)
        self.page.put(("discovery",), self._labels(), families(part.rows))

    def _labels(self) -> PartLabels:
        root = self.configuration.root
        return PartLabels(environment=root.environment, region=root.region)


def _load_again(configuration: Configuration) -> Configuration:
    """The same file as it is now, with what the command line said about it."""
    again = load(configuration.path)
    return again if configuration.data_dir is None else again.with_data_dir(configuration.data_dir)


def _of_others(configuration: Configuration) -> tuple[object, ...]:
    """What of the configuration other processes of the service read."""
    root = configuration.root
    return (root.http, root.prometheus.url, *(configuration.of_domain(domain) for domain in registry.DOMAINS))


def _has(configuration: Configuration, domain: Domain) -> bool:
    """Whether there is a process that keeps something for the domain."""
    return configuration.of_domain(domain) is not None


def _refuse_fixed_changes(old: Configuration, new: Configuration) -> None:
    """What a running process cannot change is refused with its remedy, not silently ignored."""
    fixed = {
        "http.listen": (old.root.http.listen, new.root.http.listen),
        "http.tls": (old.root.http.tls, new.root.http.tls),
        "data_dir": (old.root.data_dir, new.root.data_dir),
        "environment": (old.root.environment, new.root.environment),
        "region": (old.root.region, new.root.region),
        **{domain.name: (_has(old, domain), _has(new, domain)) for domain in registry.DOMAINS},
    }
    mistakes = [
        Mistake(name, "cannot change while the service runs: restart it", str(new.path))
        for name, (before, after) in fixed.items()
        if before != after
    ]
    if mistakes:
        raise ConfigError(mistakes)
