"""The recorded answers (`frames/`, made by tests/integration/kafka/capture_frames.py) and what reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from stackledger.integrations.kafka.wire.messages import (
    cluster,
    groups,
    offsets,
    quorum,
    security,
    session,
    storage,
    transactions,
)
from stackledger.integrations.kafka.wire.request import Request

KINDS: tuple[type[Request[Any]], ...] = (
    session.ApiVersionsRequest,
    session.SaslHandshakeRequest,
    session.SaslAuthenticateRequest,
    cluster.MetadataRequest,
    cluster.DescribeClusterRequest,
    cluster.ListPartitionReassignmentsRequest,
    quorum.DescribeQuorumRequest,
    offsets.ListOffsetsRequest,
    offsets.OffsetFetchRequest,
    groups.ListGroupsRequest,
    groups.DescribeGroupsRequest,
    groups.ConsumerGroupDescribeRequest,
    groups.ShareGroupDescribeRequest,
    storage.DescribeLogDirsRequest,
    storage.DescribeConfigsRequest,
    transactions.ListTransactionsRequest,
    transactions.DescribeProducersRequest,
    security.DescribeAclsRequest,
    security.DescribeClientQuotasRequest,
)


class Frame(NamedTuple):
    """One answer as it came from a broker, without length and correlation id."""

    kind: type[Request[Any]]
    version: int
    payload: bytes

    def decode(self) -> Any:
        return self.kind.decode(self.payload, self.version)


def frame(name: str, version: int) -> Frame:
    """The recorded answer of one API at one version."""
    kind = next(kind for kind in KINDS if kind.name == name)
    text = (Path(__file__).parent / "frames" / f"{name}.v{version}.hex").read_text()
    return Frame(kind, version, bytes.fromhex(text))


def frames() -> list[Frame]:
    """Every recorded answer."""
    names = sorted(path.stem.rsplit(".v", 1) for path in (Path(__file__).parent / "frames").glob("*.hex"))
    return [frame(name, int(version)) for name, version in names]
