"""Labels of Redis families, and the caps of those whose values the server decides."""

from __future__ import annotations

from stackledger.catalogue import Label

OTHER = "other"
"""Label value that sums what is above a cap."""
REFUSALS = ("BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM")
"""Error codes with which a server says that it cannot serve; others are the client's mistakes or redirections."""


class Cmd(Label):
    """A command as INFO commandstats spells it, container commands as `config|get`; `other` above the cap."""

    bounded = False
    cap = 1001


class Err(Label):
    """An error code as INFO errorstats spells it; `other` above the cap."""

    bounded = False
    cap = 129


class Db(Label):
    """A database: db0 in a cluster, db0 to db15 by default outside one."""


class Reason(Label):
    """The error code of a refusal."""

    values = REFUSALS


class SlaveIp(Label):
    """Address of a connected replica as the master knows it."""


class SlavePort(Label):
    """Port of a connected replica."""


class SlaveState(Label):
    """State of the link to a replica, `online` when well."""


class MasterHost(Label):
    """Address of the master that this replica follows."""


class MasterPort(Label):
    """Port of the master that this replica follows."""


class ReadOnly(Label):
    """1 when the replica refuses writes."""


class EventName(Label):
    """An event of the latency monitor; Redis has about 25."""


class Class(Label):
    """Class of clients: normal, slave (replica) or pubsub."""

    name = "class"


class Limit(Label):
    """`hard` or `soft`."""

    values = ("hard", "soft")


class Role(Label):
    """Role by CLUSTER NODES or INFO; a failed node keeps the one it had.

    `idle` is a master without slots, `replaced` a lost master outside a cluster whose data another has gone on with.
    """


class RedisVersion(Label):
    """Version of the server."""


class RedisBuildId(Label):
    """Build of the server."""


class RedisMode(Label):
    """cluster or standalone."""


class Os(Label):
    """Operating system of the server."""


class MaxmemoryPolicy(Label):
    """What happens at the memory limit."""


class TcpPort(Label):
    """Port of the server."""


class RunId(Label):
    """Identity of the server process."""


class ProcessId(Label):
    """Process id of the server."""


class MasterReplid(Label):
    """Identity of the replication history."""


class Software(Label):
    """`redis`, or the name that a server derived from it gives, for instance `valkey`."""


class Version(Label):
    """Its own version; what it says to be compatible with stands in `redis_version`."""


class AvailabilityZone(Label):
    """Where the server says that it runs (Valkey 8.1 or newer); empty where it does not."""


class Node(Label):
    """Address of a node of the cluster, as the cluster gives it."""


class Shard(Label):
    """A shard by its first range of slots, for instance 0-5460; `+2` after it counts further ranges."""


class Range(Label):
    """A range of slots, for instance 0-5460; `other` above the cap."""

    bounded = False
    cap = 33
