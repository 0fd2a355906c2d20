"""The whole page: groups of families, put together at most once per change.

`Page` is owned by one event loop. Rendering yields between groups so that no scrape stalls the loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackledger.catalogue import Metric
from stackledger.clock import Clock
from stackledger.errors import DeclarationError
from stackledger.exposition.formats import Format, escape, family
from stackledger.exposition.group import Block, Group, Key
from stackledger.exposition.gzip_stream import Piece, compress, member, merge

if TYPE_CHECKING:
    from stackledger.exposition.families import LazyFamily

_FAMILIES_PER_GROUP = 8
_TURN_SECONDS = 0.004
"""How long rendering may hold the loop before it lets others run."""


@dataclass(frozen=True, slots=True)
class PartLabels:
    """The labels that every series of a part carries. Empty ones are left out.

    `instance` is the node; "" is written as such, so that Prometheus does not put our own address where a series
    speaks of a whole target (honor_labels drops an empty label). None leaves it to Prometheus: a series about us.
    """

    cluster: str = ""
    environment: str = ""
    region: str = ""
    instance: str | None = None
    job: str = ""

    def spelt(self, *, node: bool) -> str:
        """The labels as they stand in a line of a metric that speaks of a node, or of the whole target."""
        pairs = [("cluster", self.cluster), ("environment", self.environment), ("region", self.region)]
        spelt = [f'{name}="{escape(value)}"' for name, value in (*pairs, ("job", self.job)) if value]
        if self.instance is not None:
            spelt.append(f'instance="{escape(self.instance if node else "")}"')
        return ",".join(spelt)


class Page:
    """Every family that the program exposes, with the newest samples of each part of each target."""

    def __init__(self, metrics: Iterable[Metric[Any]], clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._owned: dict[Hashable, set[Metric[Any]]] = {}
        self._bodies: dict[Format, tuple[int, bytes]] = {}
        self._pieces: dict[Format, tuple[int, Piece]] = {}
        self._group_of: dict[Metric[Any], Group] = {}
        self._groups: list[Group] = []
        self._assembling = False
        self._late: dict[Hashable, Mapping[Metric[Any], Block]] = {}
        """What owners brought while the page was being put together."""
        self.metrics = tuple(metrics)
        self._make_groups()

    def _make_groups(self) -> None:
        names = Counter(name for metric in self.metrics for name in _names(metric))
        twice = sorted(name for name, count in names.items() if count > 1)
        if twice:
            raise DeclarationError(f"declared twice: {', '.join(twice)}")
        for start in range(0, len(self.metrics), _FAMILIES_PER_GROUP):
            chunk = self.metrics[start : start + _FAMILIES_PER_GROUP]
            group = Group(chunk)
            self._groups.append(group)
            self._group_of.update(dict.fromkeys(chunk, group))

    # -- what is on it -----------------------------------------------------------------------------------------------

    def put(
        self, owner: Hashable, labels: PartLabels, rows: Mapping[Metric[Any], tuple[Sequence[Key], Sequence[float]]]
    ) -> None:
        """Set all samples of one owner (a part of a target); families that it had and has no more are dropped.

        Raises DeclarationError, and changes nothing, if any of them could not be shown. While a page is being put
        together the change waits for its end, so that no page shows half of it.
        """
        unknown = next((metric for metric in rows if metric not in self._group_of), None)
        if unknown is not None:
            raise DeclarationError(f"{unknown.name} is not in the metrics of any registered integration")
        of_node, of_target = labels.spelt(node=True), labels.spelt(node=False)
        alike: dict[tuple[str, ...], Block] = {}
        blocks = {
            metric: self._group_of[metric].prepared(
                metric, owner, common=of_node if metric.node else of_target, keys=keys, values=values, alike=alike
            )
            for metric, (keys, values) in rows.items()
        }
        if self._assembling:
            self._late[owner] = blocks
        else:
            self._set(owner, blocks)

    def drop(self, owner: Hashable) -> None:
        """Forget an owner and all its samples."""
        self.put(owner, PartLabels(), {})

    def _set(self, owner: Hashable, blocks: Mapping[Metric[Any], Block]) -> None:
        for metric in self._owned.pop(owner, set()) - blocks.keys():
            self._group_of[metric].drop(metric, owner)
        for metric, block in blocks.items():
            self._group_of[metric].commit(metric, owner, block)
        if blocks:
            self._owned[owner] = set(blocks)

    @asynccontextmanager
    async def _unchanging(self) -> AsyncIterator[None]:
        """Hold the page still; what arrives meanwhile makes the next one."""
        async with self._lock:
            self._assembling = True
            try:
                yield
            finally:
                self._assembling = False
                late, self._late = self._late, {}
                for owner, blocks in late.items():
                    self._set(owner, blocks)

    @property
    def owners(self) -> frozenset[Hashable]:
        """Who has samples on the page."""
        return frozenset(self._owned)

    @property
    def version(self) -> int:
        """Rises whenever anything on the page changes."""
        return sum(group.version for group in self._groups)

    @property
    def series(self) -> int:
        """How many lines of samples the page has."""
        return sum(group.series for group in self._groups)

    # -- how it is read ----------------------------------------------------------------------------------------------

    async def text(self, fmt: Format, *, extra: bytes = b"") -> bytes:
        """The page, plain. `extra` is appended: families of other registries, already in this format."""
        async with self._unchanging():
            version, body = self._bodies.get(fmt, (-1, b""))
            if version != self.version:
                version = self.version
                body = b"".join([group.body(fmt) async for group in self._turns()])
                self._bodies[fmt] = (version, body)
        return body + extra + fmt.ending

    async def gzip(self, fmt: Format, *, extra: bytes = b"") -> bytes:
        """The page as one gzip member."""
        async with self._unchanging():
            version, piece = self._pieces.get(fmt, (-1, None))
            if piece is None or version != self.version:
                version = self.version
                piece = merge([group.piece(fmt) async for group in self._turns()])
                self._pieces[fmt] = (version, piece)
        return member([piece, compress([extra, fmt.ending])])

    async def _turns(self) -> AsyncIterator[Group]:
        """The groups, letting other tasks run whenever a turn has lasted long enough."""
        began = self._clock.monotonic()
        for group in self._groups:
            yield group
            if self._clock.monotonic() - began > _TURN_SECONDS:
                await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, not a wait
                began = self._clock.monotonic()

    def families(self) -> Iterator[LazyFamily]:
        """Every family that has samples, as `prometheus_client` knows families; samples are made when asked for."""
        from stackledger.exposition.families import LazyFamily  # noqa: PLC0415 - the service itself never asks

        for metric in self.metrics:
            blocks = [block for block in self._group_of[metric].family(metric) if block.keys]
            if blocks:
                yield LazyFamily(metric, blocks)


def _names(metric: Metric[Any]) -> set[str]:
    """Every name that a family takes on the page, in either format."""
    return {metric.name, *metric.sample_names, *(family(metric, fmt)[0] for fmt in Format)}
