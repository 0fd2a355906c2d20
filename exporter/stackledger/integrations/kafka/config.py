"""What a Kafka target is: where it is, how to log in, what to show of it. Opens nothing."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stackledger.clients.settings import Address, Secret, Settings, TargetSettings, Tls
from stackledger.integrations.kafka.probe.config import ProbeSettings


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_compiles)]
"""A regular expression that must match a whole name."""


class Sasl(Settings):
    """How to log in. PLAIN and SCRAM take a user and a password, OAUTHBEARER a token."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = "SCRAM-SHA-512"
    """The mechanism that the listener offers. Default: the strongest one with a password."""
    user: str = ""
    """The user's name."""
    password: Secret | None = None
    """The user's password."""
    token: Secret | None = None
    """The token; read at every authentication, so a sidecar may renew the file."""

    @model_validator(mode="after")
    def _what_the_mechanism_needs(self) -> Self:
        if self.mechanism == "OAUTHBEARER":
            if self.token is None or self.password is not None or self.user:
                raise ValueError("OAUTHBEARER takes `token`, neither `user` nor `password`")
        elif not self.user or self.password is None or self.token is not None:
            raise ValueError(f"{self.mechanism} takes `user` and `password`, not `token`")
        return self


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
