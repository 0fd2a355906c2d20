"""One target in one lane: read on time, bounded, merged, published. Whatever happens here stays here.

This is one of the two places that catch every exception: a defect in an integration costs only its own target.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stackledger.clients.settings import TargetSettings
from stackledger.clock import Clock
from stackledger.collect import metrics as m
from stackledger.collect.bounded import Bounded
from stackledger.collect.breaker import Breaker
from stackledger.collect.integration import Integration, Opening, Source, State, StreamSource
from stackledger.collect.kept import Kept
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import ReadTimeoutError, TargetError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a lane runs. `timeout_seconds` is never above `interval_seconds`."""

    interval_seconds: float
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run leaves for the page: samples kept, samples about the run, and which parts could be read."""

    kept: Kept
    own: Part
    parts: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Status:
    """How the last read of a target in a lane went, for people. `trouble` is empty when all was read."""

    integration: str
    target: str
    lane: str
    runs: int
    trouble: str
    parts: Mapping[str, bool]
    last_success: float | None
    series: int
    interval_seconds: float

    @property
    def word(self) -> str:
        """The state in one word."""
        if not self.runs:
            return "starting"
        if not self.trouble:
            return "seen"
        return "partly seen" if any(self.parts.values()) else "not seen"


Publish = Callable[[str, Reading], None]
"""Takes the lane's name and what to show."""


class OpenTarget:
    """A target with its connections, shared by its lanes; opened again after it could not be opened."""

    def __init__(
        self, integration: Integration[Any, Any], settings: TargetSettings, state: State, clock: Clock, timeout: float
    ) -> None:
        self.integration = integration
        self.settings = settings
        self.state = state
        self._opening = Opening(settings, state, clock, timeout)
        self._source: Source | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def sweep(self, lane: str) -> Snapshot:
        """One read; opens the target and starts its watch when needed."""
        if self._source is None:
            self._source = self.integration.open(self._opening)
        if isinstance(self._source, StreamSource):
            self._keep_watching(self._source)
        return await self._source.sweep(lane)

    def _keep_watching(self, source: StreamSource) -> None:
        """Start the watch; start one that ended again, and raise what ended it."""
        if self._watch is not None and not self._watch.done():
            return
        ended, self._watch = self._watch, asyncio.create_task(source.stream())
        if ended is not None and not ended.cancelled() and (error := ended.exception()) is not None:
            raise error

    def reopen(self) -> None:
        """Give up the connections of a read that hangs; the next read opens new ones."""
        closing = asyncio.create_task(self.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Give up the watch and the connections; never raises but for its own cancellation."""
        source, self._source = self._source, None
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.wait({watch})
            if not watch.cancelled():
                watch.exception()
        if source is None:
            return
        try:
            await source.close()
        except Exception:  # noqa: BLE001 - same; it is being given up anyway
            fields = {"integration": self.integration.name, "target": self.settings.name}
            _LOG.exception("defect while closing a target", extra=fields)


class LaneRunner:
    """Reads one target in one lane until it is cancelled."""

    def __init__(
        self,
        target: OpenTarget,
        lane: str,
        timing: Timing,
        *,
        clock: Clock,
        slots: asyncio.Semaphore,
        publish: Publish,
        trouble_slots: asyncio.Semaphore | None = None,
    ) -> None:
        """`trouble_slots`: where a target waits whose last read failed, so that it takes no turn from the others."""
        self._target = target
        self._lane = lane
        self._timing = timing
        self._clock = clock
        self._slots = slots
        self._trouble_slots = trouble_slots or slots
        self._bounded = Bounded(clock, target.reopen)
        self._publish = publish
        self._kept = Kept()
        self._breaker = Breaker()
        self._skipped: Counter[str] = Counter({"overrun": 0, "breaker": 0})
        self._failures: Counter[str] = Counter()
        self._runs = 0
        self._trouble = ""
        self._last_success: float | None = None
        self._state: tuple[object, ...] = _GOOD
        self._parts: dict[str, bool] = {}

    async def run(self) -> None:
        """Read on every interval, at a phase that depends only on the target's name, so that targets spread out."""
        due = self._clock.monotonic() + self._phase() * min(self._timing.interval_seconds, 5.0)
        while True:
            await self._clock.sleep(due - self._clock.monotonic())
            try:
                await self.run_once()
            except Exception:  # noqa: BLE001 - a lane that ended would leave its last success on the page for ever
                _LOG.exception("defect in the schedule, the target is read again", extra=self._fields())
            due = self._next_due(due)

    def _phase(self) -> float:
        digest = hashlib.blake2s(f"{self._target.settings.name}/{self._lane}".encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") / 2**32

    def _next_due(self, due: float) -> float:
        """The next multiple of the interval: later by the breaker, and past whatever the read overran."""
        interval = self._timing.interval_seconds
        wait = self._breaker.intervals
        self._skipped["breaker"] += wait - 1
        due += wait * interval
        late = self._clock.monotonic() - due
        if late > 0:
            overrun = int(late // interval) + 1
            self._skipped["overrun"] += overrun
            due += overrun * interval
        return due

    async def run_once(self) -> None:
        """One read, merged and published, whatever comes of it."""
        async with self._trouble_slots if self._breaker.failures else self._slots:
            began = self._clock.monotonic()
            snapshot, error = await self._read()
            duration = self._clock.monotonic() - began
        self._runs += 1
        failures, last_success = self._breaker.failures, self._last_success
        try:
            self._note(snapshot, error)
            self._show(snapshot, duration)
        except Exception as defect:  # noqa: BLE001 - a snapshot that cannot be shown is a defect of its integration
            self._breaker.failures, self._last_success = failures, last_success
            self._kept, self._parts = Kept(), {}
            snapshot, error = None, self._defect(defect)
            self._note(snapshot, error)
            self._show(snapshot, duration)
        self._log_change(snapshot, error)

    def _note(self, snapshot: Snapshot | None, error: tuple[str, str]) -> None:
        """Take over what was read, or that nothing was."""
        if snapshot is None:
            self._kept.miss_all()
            self._parts = dict.fromkeys(self._parts, False)
            self._breaker.failed()
        else:
            self._kept.merge(snapshot)
            self._parts = dict.fromkeys(snapshot.failed, False) | dict.fromkeys(snapshot.parts, True)
            self._note_sight(snapshot)
        self._trouble = ": ".join(error) if snapshot is None else _troubles(snapshot)

    def _show(self, snapshot: Snapshot | None, duration: float) -> None:
        self._publish(self._lane, Reading(self._kept, self._own(snapshot, duration), self._parts))

    def _note_sight(self, snapshot: Snapshot) -> None:
        """A sweep that ended well but reached no node is a failed one, told by node."""
        if snapshot.blind is None:
            self._breaker.succeeded()
        else:
            self._breaker.failed()
            self._failures[snapshot.blind.reason] += 1

    async def _read(self) -> tuple[Snapshot | None, tuple[str, str]]:
        """The snapshot, or None with the class of error and its text."""
        try:
            snapshot = await self._bounded.run(self._target.sweep(self._lane), self._timing.timeout_seconds)
            if not isinstance(snapshot, Snapshot):
                raise TypeError(f"a sweep gives a Snapshot, not {type(snapshot).__name__}")  # noqa: TRY301
            return snapshot, ("", "")  # noqa: TRY300 - what fails above is handled here
        except TargetError as error:
            return self._failed(error)
        except TimeoutError as error:  # a library's own limit, within ours
            return self._failed(ReadTimeoutError(str(error) or "a call to the target ran into its time limit"))
        except Exception as error:  # noqa: BLE001 - a defect in an integration must cost only its own target
            return None, self._defect(error)

    def _defect(self, error: Exception) -> tuple[str, str]:
        """Count a fault of ours, and log it unless the one before was of the same kind."""
        self._failures["defect"] += 1
        told = ("defect", repr(error))
        if self._state != _state_of(None, told):
            _LOG.error("defect while reading a target", exc_info=error, extra=self._fields())
        return told

    def _failed(self, error: TargetError) -> tuple[None, tuple[str, str]]:
        self._failures[error.reason] += 1
        return None, (error.reason, str(error))

    @property
    def status(self) -> Status:
        """How the last read went."""
        return Status(
            integration=self._target.integration.name,
            target=self._target.settings.name,
            lane=self._lane,
            runs=self._runs,
            trouble=self._trouble,
            parts=self._parts,
            last_success=self._last_success,
            series=self._kept.series,
            interval_seconds=self._timing.interval_seconds,
        )

    # -- telling -----------------------------------------------------------------------------------------------------

    def _fields(self) -> dict[str, str]:
        return {
            "integration": self._target.integration.name,
            "target": self._target.settings.name,
            "lane": self._lane,
        }

    def _log_change(self, snapshot: Snapshot | None, error: tuple[str, str]) -> None:
        """One line when the state of the target changes, none while it lasts."""
        state = _state_of(snapshot, error)
        if state == self._state:
            return
        self._state = state
        if state == _GOOD:
            _LOG.info("target is read again", extra=self._fields())
        elif error[0] != "defect":
            _LOG.warning("cannot read all of a target", extra=self._fields() | {"reason": self._trouble})

    def _own(self, snapshot: Snapshot | None, duration: float) -> Part:
        """The service's own samples about this read."""
        now = self._clock.now()
        complete = snapshot is not None and snapshot.complete
        if complete:
            self._last_success = now
        part = Part(now)
        labels = (self._target.integration.name, self._target.settings.name, self._lane)
        part.add(m.SCRAPE_SUCCESS, float(complete), *labels)
        part.add(m.SCRAPE_COMPLETENESS, snapshot.completeness if snapshot is not None else 0.0, *labels)
        part.add(m.SCRAPE_DURATION, duration, *labels)
        part.add(m.SCRAPE_LAST_SUCCESS, self._last_success, *labels)
        part.add(m.SCRAPE_INTERVAL, self._timing.interval_seconds, *labels)
        part.add(m.SCRAPE_SERIES, self._kept.series, *labels)
        part.add(m.SCRAPE_CUT_SERIES, self._kept.cut, *labels)
        part.add(m.SCRAPE_RUNS, self._runs, *labels)
        part.add(m.BREAKER_OPEN, float(self._breaker.open), *labels)
        for reason, count in self._failures.items():
            part.add(m.SCRAPE_FAILURES, count, *labels, reason)
        for reason, count in self._skipped.items():
            part.add(m.SCRAPE_SKIPPED, count, *labels, reason)
        for name, problem in (snapshot.facets if snapshot is not None else {}).items():
            part.add(m.FACET_SUCCESS, float(problem is None), *labels, name)
        self._add_parts(part, labels)
        return part

    def _add_parts(self, part: Part, labels: tuple[str, str, str]) -> None:
        for name, good in self._parts.items():
            part.add(m.PART_SUCCESS, float(good), *labels, name)
            if name in self._kept.parts:
                part.add(m.PART_READ, self._kept.parts[name].read_at, *labels, name)


_GOOD: tuple[object, ...] = ("", frozenset(), frozenset())


def _state_of(snapshot: Snapshot | None, error: tuple[str, str]) -> tuple[object, ...]:
    """What counts as one state: nothing is read, or which parts and facets fail.

    Reasons differ while a state lasts (a peer that talks garbage is a protocol error now and a timeout then); they
    stand in the failures by class and on the console.
    """
    if snapshot is None:
        return (error[0], error[1].partition("(")[0]) if error[0] == "defect" else ("nothing",)
    facets = frozenset(name for name, problem in snapshot.facets.items() if problem is not None)
    return ("", frozenset(snapshot.failed), facets)


def _troubles(snapshot: Snapshot) -> str:
    """What went wrong inside a sweep that as a whole worked, in a stable order."""
    parts = [f"{name}: {error}" for name, error in sorted(snapshot.failed.items())]
    facets = [f"{name}: {error}" for name, error in sorted(snapshot.facets.items()) if error is not None]
    return "; ".join(parts + facets)
