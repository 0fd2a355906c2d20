"""Families about single slots. Absent on servers without CLUSTER SLOT-STATS.

CPU and network are counted by the server only with `cluster-slot-stats-enabled yes`; the keys always.
"""

from __future__ import annotations

from stackledger.catalogue import HOLD, Kind, Label, Metric
from stackledger.units import BYTES, COUNT, SECONDS

MOST_SHOWN = 64
"""Slots that get series of their own, at the highest setting of `hot_slots`: half by keys, half by CPU."""
_TELLS = "CLUSTER SLOT-STATS, so with Redis 8.2 or Valkey 8 and newer"
_COUNTS = f"{_TELLS}, and with cluster-slot-stats-enabled"


class Slot(Label):
    """A slot that is or was lately among the biggest or busiest; `other` sums all the rest of the 16,384."""

    bounded = False
    cap = MOST_SHOWN + 1


class Direction(Label):
    """`in` from clients, `out` to them."""

    values = ("in", "out")


KEYS = Metric(
    "stackledger_redis_slot_keys",
    Kind.GAUGE,
    COUNT,
    "Keys of a slot (CLUSTER SLOT-STATS key-count).",
    labels=(Slot,),
    budget=MOST_SHOWN + 1,
    node=False,
    missing=HOLD,
    conditional=_TELLS,
)
CPU = Metric(
    "stackledger_redis_slot_cpu_seconds_total",
    Kind.COUNTER,
    SECONDS,
    "CPU time that the commands on a slot took since it is shown (CLUSTER SLOT-STATS cpu-usec).",
    labels=(Slot,),
    budget=MOST_SHOWN + 1,
    node=False,
    missing=HOLD,
    conditional=_COUNTS,
)
NETWORK = Metric(
    "stackledger_redis_slot_network_bytes_total",
    Kind.COUNTER,
    BYTES,
    "Bytes of the commands on a slot since it is shown (CLUSTER SLOT-STATS network-bytes-in, network-bytes-out).",
    labels=(Slot, Direction),
    budget=2 * (MOST_SHOWN + 1),
    node=False,
    missing=HOLD,
    conditional=_COUNTS,
)
