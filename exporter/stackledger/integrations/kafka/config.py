"""What a Kafka target is: where it is, how to log in, what to show of it. Opens nothing."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from stackledger.clients.settings import Address, LocalPath, Secret, Settings, TargetSettings, Tls, WebAddress
from stackledger.integrations.kafka.probe.config import ProbeSettings


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


def _private(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("our secret would cross the network in plain text: take https://")
    return url


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression that must match a whole name."""


class OAuthClient(Settings):
    """Where tokens come from: an OAuth 2.0 token endpoint that is asked with client credentials (RFC 6749, 4.4)."""

    token_url: Annotated[WebAddress, AfterValidator(_private)]
    """The endpoint, for instance https://id.example.com/oauth2/token."""
    client_id: str = Field(min_length=1)
    """Who we are to it."""
    client_secret: Secret
    """Our secret there."""
    scope: str = ""
    """What to ask for, where the endpoint wants it said."""
    ca_file: LocalPath | None = None
    """Certificates to trust for the endpoint, PEM. Default: the system's."""


class Sasl(Settings):
    """How to log in. PLAIN and SCRAM take a user and a password, OAUTHBEARER a token or where tokens come from."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "SCRAM-SHA-512"
    """The mechanism that the listener offers. Default: the strongest one with a password."""
    user: str = ""
    """The user's name."""
    password: Secret | None = None
    """The user's password."""
    token: Secret | None = None
    """The token; read at every authentication, so a sidecar may renew the file. The way for AWS IAM, too."""
    client: OAuthClient | None = None
    """Where tokens come from, instead of `token`."""

    @model_validator(mode="after")
    def _what_the_mechanism_needs(self) -> Self:
        if self.mechanism == "OAUTHBEARER":
            if (self.token is None) == (self.client is None) or self.password is not None or self.user:
                raise ValueError("OAUTHBEARER takes `token` or `client`, neither `user` nor `password`")
        elif not self.user or self.password is None or self.token is not None or self.client is not None:
            raise ValueError(f"{self.mechanism} takes `user` and `password`, neither `token` nor `client`")
        return self


class Throughput(Settings):
    """What the cluster must be shown to carry, for a gate or a promise."""

    records_per_second: float = Field(default=1_000_000.0, gt=0)
    """Records a second, produced and consumed, that the lowest minute must reach. Default: what is usually claimed."""
    window_seconds: float = Field(default=3_600.0, ge=300, le=86_400)
    """How long it must be held without a gap. Default: an hour, since a peak of minutes shows nothing."""


class KafkaTarget(TargetSettings):
    """One Kafka cluster, read through Kafka's own protocol."""

    bootstrap: tuple[Address, ...] = Field(min_length=1)
    """Some of the brokers, host:port; the others are found through them, so two or three are enough."""
    sasl: Sasl | None = None
    """How to log in. Default: no authentication."""
    tls: Tls | None = None
    """How to speak TLS. Default: plain text."""
    names: Literal["kminion", "kafka_exporter", "none"] = "kminion"
    """Whose metric names are shown beside ours, so that existing boards and rules go on working; `none` where there are
    no such boards, for a smaller page. Ours are always there, and the generated boards and alerts need no other."""
    partition_series: bool = True
    """Whether to show each partition's water marks and lag, not only the sums by topic."""
    partition_seconds: bool = False
    """Whether to show the lag in seconds by partition too. Off, because it doubles the series of large groups; the
    worst partition of each group and topic is always shown."""
    stable_offsets: bool = False
    """Whether to read the last stable offset too, for readers of transactions; one more request per broker."""
    transactions: bool = True
    """Whether the slow lane looks for open and hanging transactions. It needs Read on topics where there are access
    control lists: the one right here with which records could be read. Off where a monitor may not have it."""
    hanging_after_seconds: float = Field(default=900.0, ge=0)
    """Age at which an open transaction that no coordinator knows is said to hang. Default: transaction.max.timeout.ms
    of brokers; until then a coordinator that is not visible may still end it."""
    throughput: Throughput = Field(default_factory=Throughput)
    """What the verdict on throughput is held against."""
    stuck_after_seconds: float = Field(default=30.0, gt=0)
    """A group with lag and without progress for so long is stopped or stalled. Default: six commits of a usual client,
    which commits every 5 s; raise it for groups that commit once per long batch."""
    exclude_topics: tuple[Pattern, ...] = ()
    """Topics that get no series of their own; they still count where whole clusters are counted."""
    exclude_groups: tuple[Pattern, ...] = ()
    """Groups that get no series, for instance those of console consumers: "console-consumer-.*"."""
    max_topics: int = Field(default=5_000, ge=1)
    """Topics with series of their own; all others are summed exactly under the name `other`."""
    max_groups: int = Field(default=1_000, ge=1)
    """Groups with series of their own; all others are summed exactly under the name `other`."""
    max_partitions: int = Field(default=20_000, ge=1)
    """Partitions with water marks of their own, whole topics at a time; a topic beyond keeps its sums."""
    max_group_partitions: int = Field(default=50_000, ge=1)
    """Group partitions with a lag of their own, whole groups at a time; a group beyond keeps its sums."""
    probe: ProbeSettings | None = None
    """The end-to-end probe; it writes, so it is off unless it is asked for."""

    @model_validator(mode="after")
    def _what_the_probe_can_check(self) -> Self:
        if self.probe is not None and self.tls is not None and self.tls.server_name is not None:
            raise ValueError("the probe's client checks the names that brokers advertise: drop `tls.server_name`")
        return self
