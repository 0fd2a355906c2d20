"""How to reach one Redis Cluster, or single Redis servers. Owns the settings, no defaults of intervals."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from stackledger.clients.settings import Address, Secret, Settings, TargetSettings, Tls
from stackledger.integrations.redis.patterns.config import KeyPatterns
from stackledger.integrations.redis.slots.metrics import MOST_SHOWN


class Access(Protocol):
    """How to log in to a node."""

    @property
    def username(self) -> str | None:
        """ACL user."""

    @property
    def password(self) -> Secret | None:
        """Password of the user."""

    @property
    def tls(self) -> Tls | None:
        """TLS, None for plain TCP."""


class SentinelAccess(Settings):
    """How to log in to Sentinels, where that differs from the servers that they watch."""

    username: str | None = None
    """ACL user of the Sentinels. Default: their `default` user."""
    password: Secret | None = None
    """Password of that user. Default: none, as Sentinels mostly run."""
    tls: Tls | None = None
    """TLS to the Sentinels. Default: plain TCP."""


class RedisTarget(TargetSettings):
    """One Redis Cluster, the servers that Sentinels watch, or a set of single servers."""

    seeds: Annotated[tuple[Address, ...], Field(min_length=1)]
    """Addresses, `host:port`. For a cluster one is enough: the others are found and remembered, so that it may die; two
    or three help when the service starts while one is down. The same goes for Sentinels, which tell of one another and
    of the servers that they watch. Other servers are all listed: replicas are not taken from INFO, since a master
    knows them by addresses that need not be reachable from here."""
    sentinel: SentinelAccess | None = None
    """Says that the seeds are Sentinels, with a login of their own (`{}`: none). Without it a seed that turns out to be
    a Sentinel is asked with the servers' login."""
    username: str | None = None
    """ACL user, Redis 6 or newer. Default: Redis' own `default` user. `grants/` holds the rights that are needed."""
    password: Secret | None = None
    """Password of that user. It is read at each connection, so it can be rotated."""
    tls: Tls | None = None
    """TLS to every node. Default: plain TCP, as Redis itself defaults to."""
    config_command: str = "CONFIG"
    """Name of the CONFIG command where `rename-command` changed it. Empty: do not read the configuration."""
    latency_histograms: bool = True
    """Read LATENCY HISTOGRAM, up to 24 series per command and node. On, because percentiles cannot be averaged over
    nodes and histograms can."""
    max_commands: int = Field(default=100, ge=1, le=1000)
    """Commands per node that get series of their own; the rest is summed as `other`. 100, because a busy application
    uses 20 to 60."""
    hot_slots: int = Field(default=32, ge=0, le=MOST_SHOWN)
    """Slots of a cluster that get series of their own, half of them by keys, half by CPU; the rest is
    summed as `other`. Read in the slow lane where the server tells (Redis 8.2, Valkey 8). 0: do not ask."""
    key_patterns: KeyPatterns | None = None
    """Count keys by pattern, with an estimate of their memory. Off, because it walks through all keys."""
