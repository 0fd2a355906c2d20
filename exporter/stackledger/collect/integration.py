"""What an integration declares: one value that names its settings, metrics, source, boards, alerts, SLOs, runbooks.

The registry lists these values; nothing else in the program knows an integration by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from stackledger.catalogue import Metric
from stackledger.clients.settings import Settings, TargetSettings
from stackledger.clock import Clock
from stackledger.collect.snapshot import Snapshot
from stackledger.model import SLO, AlertRule, Dashboard


class State(msgspec.Struct):
    """What a target remembers between sweeps: typed, bounded, checkpointed. Counters kept here start at 0."""


class NoState(State):
    """A target that remembers nothing."""


S = TypeVar("S", bound=TargetSettings)
T = TypeVar("T", bound=State)


class Source(Protocol):
    """One target, opened. `sweep` may raise TargetError when nothing at all could be read."""

    async def sweep(self, lane: str) -> Snapshot:
        """Read the target once. `lane` is "fast", or "slow" for the heavy reads of an integration that has them."""

    async def close(self) -> None:
        """Give up every connection and task; never raises."""


@runtime_checkable
class StreamSource(Source, Protocol):
    """A target that is watched: `stream` runs until it fails, and `sweep` cuts a snapshot of what it has seen."""

    async def stream(self) -> None:
        """Watch until cancelled. Raises TargetError when the watch breaks; it is then started again."""


@dataclass(frozen=True, slots=True)
class Opening(Generic[S, T]):
    """What a source is opened with. `timeout_seconds` bounds a whole sweep; divide it among the calls inside."""

    settings: S
    state: T
    clock: Clock
    timeout_seconds: float


def _nothing() -> tuple[Any, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Integration(Generic[S, T]):
    """One monitored system.

    `open` imports its drivers when called, so that a declaration costs nothing. `up` is set to 1 for each part that
    was read and 0 for each that was not. `addresses` is the settings' field that takes a list of addresses: discovery
    fills it. `job` is the job label that the community's boards select. `slow` tells
    whether there is a slow lane. `runbooks` is the folder with one Markdown file per alert. `left_out` holds names of
    the community's exporter that are not exposed, each with the reason.
    """

    name: str
    title: str
    settings: type[S]
    metrics: tuple[Metric[Any], ...]
    open: Callable[[Opening[S, T]], Source]
    folder: Path
    state: type[T]
    up: Metric[Any] | None = None
    job: str = ""
    slow: bool = False
    interval_seconds: float = 15.0
    slow_interval_seconds: float = 300.0
    addresses: str = ""
    dashboards: Callable[[], tuple[Dashboard, ...]] = _nothing
    alerts: Callable[[], tuple[AlertRule, ...]] = _nothing
    slos: Callable[[], tuple[SLO, ...]] = _nothing
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def runbooks(self) -> Path:
        """Folder of the runbooks, one `<Alert>.md` each."""
        return self.folder / "runbooks"


@dataclass(frozen=True, slots=True)
class Kept(Generic[S, T]):
    """What a domain keeps of its own (a ledger, records), read like any other system.

    `settings` is the domain's section of the configuration, at the root under the domain's name, with an `owner`;
    without that section there is nothing to read. `target` makes of it, and of the data directory, what `reader` opens.
    """

    settings: type[Settings]
    reader: Integration[S, T]
    target: Callable[[Any, Path], S]


@dataclass(frozen=True, slots=True)
class Domain:
    """A question that spans systems. Its boards and alerts depend on which integrations are configured."""

    name: str
    title: str
    folder: Path
    kept: Kept[Any, Any] | None = None
    metrics: tuple[Metric[Any], ...] = ()
    dashboards: Callable[[tuple[str, ...]], tuple[Dashboard, ...]] = lambda _enabled: ()
    alerts: Callable[[tuple[str, ...]], tuple[AlertRule, ...]] = lambda _enabled: ()
    slos: Callable[[tuple[str, ...]], tuple[SLO, ...]] = lambda _enabled: ()

    @property
    def runbooks(self) -> Path:
        """Folder of the runbooks, one `<Alert>.md` each."""
        return self.folder / "runbooks"
