"""Record the answers of a real cluster as hex files, for the unit and property tests. Run by hand, from the root:

    python -m tests.integration.kafka.capture_frames OUT HOST:PORT

Writes OUT/<API>.v<version>.hex for every request that a broker answers; the longest answer is kept.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from stackledger.clock import SystemClock
from stackledger.errors import TargetError
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.connection import Address, Options
from stackledger.integrations.kafka.wire.messages import (
    cluster,
    groups,
    offsets,
    quorum,
    security,
    storage,
    transactions,
)
from stackledger.integrations.kafka.wire.messages.cluster import Metadata
from stackledger.integrations.kafka.wire.request import Request


def requests(metadata: Metadata, listed: tuple[groups.ListedGroup, ...]) -> list[Request[Any]]:
    """One request of every kind, small enough for a fixture."""
    names = tuple(group.group_id for group in listed)
    parts = {name: [part.id for part in topic.partitions] for name, topic in metadata.topics.items()}
    few = {name: rows for name, rows in parts.items() if not name.startswith("__")}
    return [
        offsets.ListOffsetsRequest(few),
        groups.DescribeGroupsRequest((*names, "absent")),
        groups.ConsumerGroupDescribeRequest(tuple(g.group_id for g in listed if g.group_type == "consumer")),
        groups.ShareGroupDescribeRequest(tuple(g.group_id for g in listed if g.group_type == "share")),
        offsets.OffsetFetchRequest(names),
        offsets.OffsetFetchRequest(names[:1]),
        storage.DescribeLogDirsRequest(),
        storage.DescribeConfigsRequest(storage.ResourceType.TOPIC, few, ("retention.ms", "cleanup.policy")),
        quorum.DescribeQuorumRequest(),
        cluster.DescribeClusterRequest(),
        cluster.ListPartitionReassignmentsRequest(),
        transactions.ListTransactionsRequest(),
        transactions.DescribeProducersRequest(few),
        security.DescribeAclsRequest(),
        security.DescribeClientQuotasRequest(),
    ]


async def capture(out: Path, address: Address) -> None:
    """Ask every broker everything once; of each API and version the longest answer is kept."""
    decode = Request.decode.__func__  # type: ignore[attr-defined]

    def recording(kind: type[Request[Any]], payload: bytes, version: int) -> object:
        answer = decode(kind, payload, version)
        path = out / f"{kind.name}.v{version}.hex"
        if not path.exists() or len(bytes.fromhex(path.read_text())) < len(payload):
            path.write_text(payload.hex("\n", 60) + "\n")
        return answer

    out.mkdir(parents=True, exist_ok=True)
    with patch.object(Request, "decode", classmethod(recording)):
        client = Cluster([address], Options(clock=SystemClock()))
        try:
            metadata = await client.refresh()
            for broker in client.brokers:
                await ask_everything(client, broker, metadata)
        finally:
            await client.close()


async def ask_everything(client: Cluster, broker: int, metadata: Metadata) -> None:
    """One request of every kind to one broker; what it refuses is printed."""
    try:
        async with asyncio.timeout(5):
            listed = await client.request(broker, groups.ListGroupsRequest())
    except (TargetError, TimeoutError) as error:
        print("broker", broker, "not asked:", repr(error))
        return
    for request in requests(metadata, listed.groups):
        try:
            print(broker, request.name, str(await client.request(broker, request))[:300])
        except (TargetError, ValueError) as error:
            print(broker, request.name, "not recorded:", error)


if __name__ == "__main__":
    host, port = sys.argv[2].rsplit(":", 1)
    asyncio.run(capture(Path(sys.argv[1]), Address(host, int(port))))
