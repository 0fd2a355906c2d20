"""Asks for the KRaft quorum, on a connection of its own.

A broker answers the requests of a connection one after the other, and it holds DescribeQuorum back until it has found
a controller. On a shared connection a lost controller would make that broker look silent.
"""

from __future__ import annotations

from typing import Final

from stackledger.errors import AuthError, ProtocolError, TargetError
from stackledger.integrations.kafka.answers import QuorumAnswer
from stackledger.integrations.kafka.wire.connection import Address, Connection, Options
from stackledger.integrations.kafka.wire.error_codes import ErrorCode, error_name
from stackledger.integrations.kafka.wire.messages.quorum import DescribeQuorumRequest, Quorum
from stackledger.integrations.kafka.wire.request import UnsupportedApiError

_NO_CONTROLLER: Final = frozenset(
    {ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.BROKER_NOT_AVAILABLE, ErrorCode.REQUEST_TIMED_OUT}
)


class QuorumConnection:
    """At most one connection, to the broker that was asked last."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._connection: Connection | None = None

    async def ask(self, address: Address) -> Quorum:
        """The quorum, by the broker at `address`. A connection on which an answer is missing is given up."""
        connection = self._connection
        if connection is None or not connection.usable or connection.address != address:
            await self.close()
            connection = self._connection = await Connection.open(address, self._options)
        try:
            return await connection.request(DescribeQuorumRequest())
        except UnsupportedApiError:  # nothing was sent: a cluster with ZooKeeper is not to be dialled in every sweep
            raise
        except BaseException:
            connection.abort()
            raise

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def judged(answer: Quorum | TargetError) -> QuorumAnswer:
    """What the answer says of the controller."""
    if isinstance(answer, TargetError):
        return QuorumAnswer(None, answer)
    code = answer.error_code
    if code == ErrorCode.CLUSTER_AUTHORIZATION_FAILED:
        return QuorumAnswer(None, AuthError(f"DescribeQuorum: {error_name(code)}; see grants/acls.md"))
    if code:
        error = ProtocolError(f"DescribeQuorum: {error_name(code)}")
        return QuorumAnswer(None, error, leader_missing=code in _NO_CONTROLLER)
    return QuorumAnswer(answer, leader_missing=answer.leader_id < 0)
