"""The source of one Kafka cluster: which lane reads what, and how a sweep becomes a snapshot. Owns the client."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from stackledger.collect.integration import Opening
from stackledger.collect.snapshot import Part, Snapshot
from stackledger.errors import AuthError, TargetError
from stackledger.integrations.kafka import connect
from stackledger.integrations.kafka.administration.samples import add_administration
from stackledger.integrations.kafka.answers import Answers
from stackledger.integrations.kafka.asking import within
from stackledger.integrations.kafka.cluster import samples
from stackledger.integrations.kafka.cluster.health import HealthMemory
from stackledger.integrations.kafka.cluster.quorum import QuorumConnection
from stackledger.integrations.kafka.cluster.releases import release_of
from stackledger.integrations.kafka.config import KafkaTarget
from stackledger.integrations.kafka.filters import Filters
from stackledger.integrations.kafka.groups.samples import add_groups
from stackledger.integrations.kafka.merge import merge
from stackledger.integrations.kafka.probe.probe import Probe
from stackledger.integrations.kafka.probe.samples import add_probe
from stackledger.integrations.kafka.slow import SlowSweep
from stackledger.integrations.kafka.state import KafkaState
from stackledger.integrations.kafka.storage.samples import Disks, disk_parts
from stackledger.integrations.kafka.sweep import Layout, Sweep
from stackledger.integrations.kafka.topics.configs import read_configs
from stackledger.integrations.kafka.topics.samples import add_completeness, add_settings, add_throughput, add_topics
from stackledger.integrations.kafka.transactions.judge import judge
from stackledger.integrations.kafka.transactions.markers import learn_markers
from stackledger.integrations.kafka.transactions.samples import add_transactions
from stackledger.integrations.kafka.view import View
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.connection import Options, Traffic
from stackledger.integrations.kafka.wire.messages.session import ApiVersionsRequest

_ATTEMPT_SHARE = 0.2
_CONFIG_SHARE = 0.2
_SLOW_SHARE = 0.8
_LEARNT_BY = 0.95
"""Share of the timeout after which a sweep asks nothing more."""

T = TypeVar("T")


class KafkaSource:
    """One cluster, read on two lanes that share its connections and its state."""

    def __init__(self, opening: Opening[KafkaTarget, KafkaState]) -> None:
        self._settings = opening.settings
        self._state = opening.state
        self._clock = opening.clock
        self._seconds = opening.timeout_seconds
        self._filters = Filters(opening.settings.exclude_topics, opening.settings.exclude_groups)
        self._view = View(opening.settings)
        self._health = HealthMemory()
        self._layout = Layout(self._filters)
        self._clients: dict[str, Cluster] = {}
        self._quorum: QuorumConnection | None = None
        self._options: Options | None = None
        self._traffic = Traffic()
        self._suspects: frozenset[int] = frozenset()
        self._release: str | None = None
        self._config_errors: dict[str, TargetError | None] = {}
        """By lane, each as of its last reading: what the slow lane was too late for must not mark the fast one."""
        probe = opening.settings.probe
        self._probe = Probe(opening.settings, probe, opening.state, opening.clock) if probe is not None else None

    async def sweep(self, lane: str) -> Snapshot:
        """One read of the lane. Raises TargetError when no broker could be read."""
        try:
            return await (self._sweep_slow() if lane == "slow" else self._sweep_offsets())
        except AuthError:
            self._options = None  # the next sweep reads the secrets again: they may have been rotated
            await self._disconnect(lane)  # the other lane may be reading, with a login that still holds
            raise

    async def _sweep_offsets(self) -> Snapshot:
        settings = self._settings
        if self._quorum is None:
            self._quorum = QuorumConnection(self._shared())
        sweep = Sweep(
            self._cluster("fast"),
            self._quorum,
            self._clock,
            self._seconds,
            self._filters,
            self._layout,
            settings.stable_offsets,
            self._suspects,
        )
        ends = self._clock.monotonic() + self._seconds * _LEARNT_BY
        answers = await sweep.read(self._state.brokers)
        self._suspects = frozenset(answers.failed)
        window = settings.throughput.window_seconds
        merge(
            self._state,
            answers,
            filters=self._filters,
            stuck_after=settings.stuck_after_seconds,
            window=window,
            facts=self._view.facts,
        )
        await self._learn(answers, ends)
        return self._snapshot(answers)

    async def close(self) -> None:
        """End the probe and close every connection."""
        if self._probe is not None:
            await self._probe.close()
        for lane in ("fast", "slow"):
            await self._disconnect(lane)

    async def _disconnect(self, lane: str) -> None:
        client = self._clients.pop(lane, None)
        if client is not None:
            await client.close()
        if lane == "fast" and self._quorum is not None:
            quorum, self._quorum = self._quorum, None
            await quorum.close()

    def _shared(self) -> Options:
        if self._options is None:
            self._options = connect.options(self._settings, self._clock, self._traffic)
        return self._options

    def _cluster(self, lane: str) -> Cluster:
        """Each lane has connections of its own: a broker that is slow to list its disks must not look silent."""
        client = self._clients.get(lane)
        if client is None:
            attempt = self._seconds * _ATTEMPT_SHARE
            client = self._clients[lane] = connect.client(self._settings, self._shared(), attempt_seconds=attempt)
        return client

    # -- the fast lane -----------------------------------------------------------------------------------------------

    async def _learn(self, answers: Answers, ends: float) -> None:
        """What changes rarely, by `ends` (monotonic): the release, ends of transactions, settings of new topics."""
        broker_id = min(answers.brokers)
        if self._release is None:
            asked = await self._by(ends, "ApiVersions", self._read_release(broker_id))
            self._release = asked if isinstance(asked, str) else None
        if self._settings.transactions:
            learning = learn_markers(
                self._cluster("fast"), self._state, answers.metadata.topics, answers.brokers, self._view.facts
            )
            await self._by(ends, "DescribeProducers", learning)
        missing = [name for name in answers.metadata.topics if name not in self._state.configs]
        if not missing:
            self._config_errors.pop("fast", None)
        elif not any(isinstance(error, AuthError) for error in self._config_errors.values()):
            await self._read_configs("fast", broker_id, missing, ends)

    async def _by(self, ends: float, what: str, answer: Awaitable[T]) -> T | TargetError:
        seconds = min(max(ends - self._clock.monotonic(), 0.0), self._seconds * _CONFIG_SHARE)
        return await within(self._clock, seconds, what, answer)

    async def _read_release(self, broker_id: int) -> str:
        answer = await self._cluster("fast").request(broker_id, ApiVersionsRequest())
        feature = answer.finalized_features.get("metadata.version")
        return release_of(feature.newest if feature is not None else None)

    async def _read_configs(self, lane: str, broker_id: int, topics: list[str], ends: float) -> None:
        """Settings are kept chunk by chunk, so that a cluster with very many topics gets on in every sweep."""
        reading = read_configs(self._cluster(lane), broker_id, topics, into=self._state.configs)
        answer = await self._by(ends, "DescribeConfigs", reading)
        self._config_errors[lane] = answer  # None where all is well

    def _snapshot(self, answers: Answers) -> Snapshot:
        state, view, topics = self._state, self._view, answers.metadata.topics
        health = self._health.of(topics, state.configs)
        controller = samples.controller_of(answers)
        parts = {}
        for key in sorted(answers.brokers):
            broker = answers.expected[key]
            part = parts[samples.address_of(broker)] = samples.broker_part(answers, key, health, controller=controller)
            view.peer.broker(part, key, broker, is_controller=key == controller)
        part = parts["cluster"] = Part(answers.at)
        release = self._release or "unknown"
        samples.add_cluster(part, answers, release=release)
        samples.add_traffic(part, self._traffic)
        samples.add_health(part, health, state)
        samples.add_quorum(part, answers.quorum)
        complete = samples.is_complete(answers)
        view.peer.cluster(part, answers, complete=complete, release=release, controller=controller)
        view.peer.traffic(part, self._traffic)
        add_topics(part, state, topics, view=view)
        add_completeness(part, state, answers.at)
        add_throughput(part, state, view.settings.throughput)
        add_groups(part, state, view=view)
        view.end()
        probed: dict[str, TargetError | None] = {}
        if self._probe is not None:
            sight = self._probe.observe(answers)
            add_probe(part, state.probe, sight)
            view.peer.probe(part, state.probe, sight.in_flight)
            probed["probe"] = sight.trouble
        failed = {samples.address_of(answers.expected[key]): error for key, error in answers.failed.items()}
        configs = self._config_errors.get("fast")
        facets = {**answers.facets, "quorum": answers.quorum.error, "configs": configs, **probed}
        return Snapshot(parts, failed, facets)

    # -- the slow lane -----------------------------------------------------------------------------------------------

    async def _sweep_slow(self) -> Snapshot:
        """Disks, settings, transactions and what administrators did."""
        began = self._clock.monotonic()
        ends = began + self._seconds * _SLOW_SHARE
        slow = SlowSweep(
            self._cluster("slow"), self._clock, ends, self._filters, self._settings.transactions, self._suspects
        )
        answers = await slow.read(self._state)
        self._release = None
        topics = answers.metadata.topics
        learnt_by = began + self._seconds * _LEARNT_BY
        await self._read_configs("slow", slow.any_broker(answers.metadata), list(topics), learnt_by)
        known = {key: broker for key, broker in self._state.brokers.items() if key not in answers.brokers}
        disks = Disks(answers.at, answers.brokers | known, {**answers.log_dirs, **answers.silent})
        parts, failed = disk_parts(disks, self._state, self._view)
        part = parts["cluster"]
        add_settings(part, self._state, topics)
        add_administration(part, answers.administration)
        judged = judge(
            answers.transactions.open,
            answers.transactions.ongoing,
            self._state.open_transactions,
            now=answers.at,
            hangs_after=self._settings.hanging_after_seconds,
            unread=answers.transactions.unread,
        )
        add_transactions(part, answers.transactions, judged)
        return Snapshot(parts, failed, {**answers.facets, "configs": self._config_errors.get("slow")})
