"""What binds clients: DescribeAcls (who may do what), DescribeClientQuotas (who may use how much)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from stackledger.integrations.kafka.wire.codec import Reader, Writer
from stackledger.integrations.kafka.wire.request import Request

_ANY = 1


class Acl(NamedTuple):
    """One entry of an access control list."""

    resource_type: int
    resource: str
    principal: str


class Acls(NamedTuple):
    """The answer to DescribeAcls."""

    error_code: int
    """SECURITY_DISABLED where the cluster has no authorizer."""
    error_message: str | None
    acls: tuple[Acl, ...]


@dataclass(frozen=True, slots=True)
class DescribeAclsRequest(Request[Acls]):
    """Every access control list of the cluster; any broker answers."""

    api_key: ClassVar[int] = 29
    name: ClassVar[str] = "DescribeAcls"
    versions: ClassVar[tuple[int, ...]] = (2, 3)
    flexible_from: ClassVar[int] = 2

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - both versions ask the same
        """Write the body."""
        writer.int8(_ANY)  # resource type
        writer.string(None)
        writer.int8(_ANY)  # kind of pattern
        writer.string(None)
        writer.string(None)
        writer.int8(_ANY)  # operation
        writer.int8(_ANY)  # allow or deny
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> Acls:  # noqa: ARG003 - both versions answer the same
        """Read the answer."""
        reader.int32()
        error_code, message = reader.int16(), reader.nullable_string()
        acls: list[Acl] = []
        for _ in range(reader.count(5)):
            kind, resource = reader.int8(), reader.string()
            reader.int8()
            for _ in range(reader.count(5)):
                acls.append(Acl(kind, resource, reader.string()))
                reader.string()
                reader.int8()
                reader.int8()
                reader.tags()
            reader.tags()
        reader.tags()
        return Acls(error_code, message, tuple(acls))


class Quota(NamedTuple):
    """What one entity may use."""

    entity: tuple[tuple[str, str], ...]
    """(type, name): `user`, `client-id` or `ip`; an empty name is the default of that type."""
    limits: dict[str, float]
    """By key: producer_byte_rate, consumer_byte_rate (bytes a second), request_percentage, ..."""


class Quotas(NamedTuple):
    """The answer to DescribeClientQuotas."""

    error_code: int
    error_message: str | None
    quotas: tuple[Quota, ...]


@dataclass(frozen=True, slots=True)
class DescribeClientQuotasRequest(Request[Quotas]):
    """Every client quota that is set; any broker answers."""

    api_key: ClassVar[int] = 48
    name: ClassVar[str] = "DescribeClientQuotas"
    versions: ClassVar[tuple[int, ...]] = (0, 1)
    flexible_from: ClassVar[int] = 1

    def write(self, writer: Writer, version: int) -> None:  # noqa: ARG002 - both versions ask the same
        """Write the body."""
        writer.count(0)  # no filter
        writer.boolean(False)  # noqa: FBT003 - not only exact matches
        writer.tags()

    @classmethod
    def read(cls, reader: Reader, version: int) -> Quotas:  # noqa: ARG003 - both versions answer the same
        """Read the answer."""
        reader.int32()
        error_code, message = reader.int16(), reader.nullable_string()
        quotas = reader.array(_read_quota, 2)
        reader.tags()
        return Quotas(error_code, message, quotas)


def _read_quota(reader: Reader) -> Quota:
    entity = reader.array(_read_entity, 2)
    limits = dict(reader.array(_read_limit, 9))
    reader.tags()
    return Quota(entity, limits)


def _read_entity(reader: Reader) -> tuple[str, str]:
    kind, name = reader.string(), reader.nullable_string() or ""
    reader.tags()
    return kind, name


def _read_limit(reader: Reader) -> tuple[str, float]:
    key, value = reader.string(), reader.float64()
    reader.tags()
    return key, value
