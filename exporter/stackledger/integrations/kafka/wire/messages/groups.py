"""Groups of every kind: ListGroups, DescribeGroups (classic), ConsumerGroupDescribe (KIP-848), ShareGroupDescribe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple
from uuid import UUID

from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.request import LastAnswer, Request

_TYPES_FROM = 5
_MESSAGE_FROM = 6


class ListedGroup(NamedTuple):
    """A group that the asked broker coordinates."""

    group_id: str
    protocol_type: str
    """`consumer` for classic consumers, empty for a group that only commits, `connect` and others for their users."""
    state: str
    group_type: str
    """`classic`, `consumer`, `share` or `streams`; empty where the broker is older than Kafka 3.8."""


class GroupList(NamedTuple):
    """The answer to ListGroups."""

    error_code: int
    groups: tuple[ListedGroup, ...]


@dataclass(frozen=True, slots=True)
class ListGroupsRequest(Request[GroupList]):
    """The groups that this one broker coordinates, in every state and of every type."""

    api_key: ClassVar[int] = 16
    name: ClassVar[str] = "ListGroups"
    versions: ClassVar[tuple[int, ...]] = (4, 5)
    flexible_from: ClassVar[int] = 3

    def write(self, writer: Writer, version: int) -> None:
        """Write the body."""
        writer.count(0)
        if version >= _TYPES_FROM:
            writer.count(0)
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> GroupList:
        """Read the answer."""
        reader.int32()
        error_code = reader.int16()
        groups = reader.array(lambda row: _read_listed(row, version), 4)
        reader.tags()
        return GroupList(error_code, groups)


def _read_listed(reader: Reader, version: int) -> ListedGroup:
    group_id, protocol_type, state = reader.string(), reader.string(), reader.string()
    group_type = reader.string() if version >= _TYPES_FROM else ""
    reader.tags()
    return ListedGroup(group_id, protocol_type, state, group_type)


class ClassicMember(NamedTuple):
    """A member of a classic group."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    assignment: bytes
    """Opaque to the broker; `read_assignment` reads it where the group's protocol type is `consumer`."""


class ClassicGroup(NamedTuple):
    """A classic group. `Dead` or GROUP_ID_NOT_FOUND: this broker knows no such classic group."""

    error_code: int
    state: str
    protocol_type: str
    protocol: str
    """The assignor that its members agreed on."""
    members: tuple[ClassicMember, ...]


@dataclass(frozen=True, slots=True)
class DescribeGroupsRequest(Request[dict[str, ClassicGroup]]):
    """Classic groups by id, to be sent to their coordinator."""

    api_key: ClassVar[int] = 15
    name: ClassVar[str] = "DescribeGroups"
    versions: ClassVar[tuple[int, ...]] = (5, 6)
    flexible_from: ClassVar[int] = 5

    groups: tuple[str, ...]
    memory: LastAnswer[dict[str, ClassicGroup]] | None = None

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - both versions ask the same
        """Write the body."""
        _write_group_ids(writer, self.groups)

    @classmethod
    def read(cls, reader: Reader, version: int) -> dict[str, ClassicGroup]:
        """Read the answer."""
        reader.int32()
        groups = dict(reader.array(lambda row: _read_classic_group(row, version), 12))
        reader.tags()
        return groups

    def answer(self, payload: bytes, version: int) -> dict[str, ClassicGroup]:
        """The answer, out of the memory while nothing changes."""
        if self.memory is None:
            return self.decode(payload, version)
        return self.memory.of(payload, version, self.decode)


def _write_group_ids(writer: Writer, groups: tuple[str, ...]) -> None:
    writer.strings(groups)
    writer.boolean(False)  # noqa: FBT003 - authorised operations are not wanted
    writer.tags()


def _read_classic_group(reader: Reader, version: int) -> tuple[str, ClassicGroup]:
    error_code = reader.int16()
    if version >= _MESSAGE_FROM:
        reader.nullable_string()
    group_id, state, protocol_type, protocol = reader.string(), reader.string(), reader.string(), reader.string()
    members = reader.array(_read_classic_member, 7)
    reader.int32()
    reader.tags()
    return group_id, ClassicGroup(error_code, state, protocol_type, protocol, members)


def _read_classic_member(reader: Reader) -> ClassicMember:
    member_id, instance_id = reader.string(), reader.nullable_string()
    client_id, client_host = reader.string(), reader.string()
    reader.byte_string()  # the subscription, which the assignment makes superfluous
    member = ClassicMember(member_id, instance_id, client_id, client_host, reader.byte_string())
    reader.tags()
    return member


def read_assignment(assignment: bytes) -> dict[str, tuple[int, ...]]:
    """Topic: partitions, from a classic consumer's assignment. Empty bytes are no assignment; ProtocolError else."""
    if not assignment:
        return {}
    reader = Reader(assignment, what="consumer assignment")
    reader.int16()  # a newer version only adds fields behind these
    return dict(reader.array(lambda row: (row.string(), row.int32_array()), 6))


class AssignedTopic(NamedTuple):
    """Partitions of one topic."""

    topic_id: UUID
    topic: str
    partitions: tuple[int, ...]


class Member(NamedTuple):
    """A member of a KIP-848 consumer group or of a share group."""

    member_id: str
    instance_id: str | None
    """The static member's own id; None in a share group."""
    rack: str | None
    epoch: int
    client_id: str
    client_host: str
    topics: tuple[str, ...]
    """Topics that it subscribes to by name."""
    topic_regex: str | None
    """The pattern that it subscribes to besides; None where it has none."""
    assignment: tuple[AssignedTopic, ...]
    target: tuple[AssignedTopic, ...] | None
    """What it shall have once the rebalance is over; None in a share group."""


class Group(NamedTuple):
    """A KIP-848 consumer group or a share group."""

    error_code: int
    error_message: str | None
    state: str
    epoch: int
    """Rises with every change of members or subscriptions."""
    assignment_epoch: int
    """The epoch that the assignment was computed for; below `epoch` while it is being computed."""
    assignor: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class ConsumerGroupDescribeRequest(Request[dict[str, Group]]):
    """KIP-848 consumer groups by id, to be sent to their coordinator. Kafka 3.7 and later."""

    api_key: ClassVar[int] = 69
    name: ClassVar[str] = "ConsumerGroupDescribe"
    versions: ClassVar[tuple[int, ...]] = (0, 1)
    flexible_from: ClassVar[int] = 0

    groups: tuple[str, ...]

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - both versions ask the same
        """Write the body."""
        _write_group_ids(writer, self.groups)

    @classmethod
    def read(cls, reader: Reader, version: int) -> dict[str, Group]:
        """Read the answer."""
        return _read_groups(reader, shared=False, member_type=version >= 1)


@dataclass(frozen=True, slots=True)
class ShareGroupDescribeRequest(Request[dict[str, Group]]):
    """Share groups by id, to be sent to their coordinator. Kafka 4.1 and later, where the feature is on."""

    api_key: ClassVar[int] = 77
    name: ClassVar[str] = "ShareGroupDescribe"
    versions: ClassVar[tuple[int, ...]] = (1,)
    flexible_from: ClassVar[int] = 0

    groups: tuple[str, ...]

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - one version
        """Write the body."""
        _write_group_ids(writer, self.groups)

    @classmethod
    def read(cls, reader: Reader, version: int) -> dict[str, Group]:  # noqa: ARG003 - one version
        """Read the answer."""
        return _read_groups(reader, shared=True, member_type=False)


def _read_groups(reader: Reader, *, shared: bool, member_type: bool) -> dict[str, Group]:
    reader.int32()
    groups = dict(reader.array(lambda row: _read_group(row, shared=shared, member_type=member_type), 20))
    reader.tags()
    return groups


def _read_group(reader: Reader, *, shared: bool, member_type: bool) -> tuple[str, Group]:
    error_code, message, group_id, state = reader.int16(), reader.nullable_string(), reader.string(), reader.string()
    epoch, assignment_epoch, assignor = reader.int32(), reader.int32(), reader.string()
    read_member = _read_share_member if shared else _read_consumer_member
    members = reader.array(lambda row: read_member(row, member_type=member_type), 12)
    reader.int32()
    reader.tags()
    return group_id, Group(error_code, message, state, epoch, assignment_epoch, assignor, members)


def _read_consumer_member(reader: Reader, *, member_type: bool) -> Member:
    member_id, instance_id, rack = reader.string(), reader.nullable_string(), reader.nullable_string()
    epoch, client_id, client_host = reader.int32(), reader.string(), reader.string()
    topics, regex = reader.string_array(), reader.nullable_string() or None  # the broker sends empty text for none
    assignment, target = _read_assigned(reader), _read_assigned(reader)
    if member_type:
        reader.int8()
    reader.tags()
    return Member(
        member_id, instance_id, rack, epoch, client_id, client_host, topics, regex, assignment=assignment, target=target
    )


def _read_share_member(reader: Reader, *, member_type: bool) -> Member:  # noqa: ARG001 - a share member has no type
    member_id, rack, epoch = reader.string(), reader.nullable_string(), reader.int32()
    client_id, client_host, topics = reader.string(), reader.string(), reader.string_array()
    assignment = _read_assigned(reader)
    reader.tags()
    return Member(
        member_id, None, rack, epoch, client_id, client_host, topics, None, assignment=assignment, target=None
    )


def _read_assigned(reader: Reader) -> tuple[AssignedTopic, ...]:
    assigned = reader.array(_read_assigned_topic, 19)
    reader.tags()
    return assigned


def _read_assigned_topic(reader: Reader) -> AssignedTopic:
    topic = AssignedTopic(reader.uuid(), reader.string(), reader.int32_array())
    reader.tags()
    return topic
