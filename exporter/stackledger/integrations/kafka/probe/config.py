"""The settings of the end-to-end probe. Opens nothing."""

from __future__ import annotations

from pydantic import Field

from stackledger.clients.settings import Settings

SEGMENT_BYTES = 1 << 20


class ProbeSettings(Settings):
    """Writes small messages to each broker and reads them back. `probe: {}` switches it on.

    The load with the defaults, by broker: one message of about 130 bytes a second, so one produce request, one fetch
    and one append on each follower a second; on disk under a megabyte.
    """

    topic: str = Field(default="stackledger-end-to-end", pattern=r"^[A-Za-z0-9._-]{1,249}$")
    """The probe's own topic, one partition led by each broker. Several of us may share it: each counts only its own."""
    interval_seconds: float = Field(default=1.0, ge=0.1, le=60)
    """Time between two messages to the same broker. Default: 60 in a minute, enough for a quantile in minutes."""
    timeout_seconds: float = Field(default=10.0, ge=1, le=60)
    """A message without an acknowledgement for so long has failed; one acknowledged but not read so long after is
    lost. Default: just above the 9 s that brokers take to notice a dead one."""
    create: bool = True
    """Whether to create the topic, and a partition for each broker that joins. Needs rights of its own, see
    grants/acls.md. Replicas are never moved, whoever runs Kafka does that."""
    replication_factor: int | None = Field(default=None, ge=1)
    """Replicas of the topic that is created. Default: three, or as many as there are brokers."""
