"""The settings of topics that change what their numbers mean, read in bulk with DescribeConfigs."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Final

from stackledger.errors import AuthError
from stackledger.integrations.kafka.state import TopicConfig
from stackledger.integrations.kafka.wire.cluster import Cluster
from stackledger.integrations.kafka.wire.error_codes import ErrorCode, error_name
from stackledger.integrations.kafka.wire.messages.storage import (
    DescribeConfigsRequest,
    ResourceConfig,
    ResourceType,
)

KEYS: Final = (
    "cleanup.policy",
    "min.insync.replicas",
    "retention.ms",
    "retention.bytes",
    "max.message.bytes",
    "unclean.leader.election.enable",
)
_TOPICS_PER_REQUEST: Final = 1_000


async def read_configs(
    cluster: Cluster, broker_id: int, topics: Sequence[str], *, into: MutableMapping[str, TopicConfig]
) -> AuthError | None:
    """Read the settings, as they arrive, `into` a mapping by topic; a topic that was deleted meanwhile is left out.

    Returns the error of a topic whose settings may not be read; those of the others are read all the same.
    """
    refused: AuthError | None = None
    for start in range(0, len(topics), _TOPICS_PER_REQUEST):
        names = tuple(topics[start : start + _TOPICS_PER_REQUEST])
        for row in await cluster.request(broker_id, DescribeConfigsRequest(ResourceType.TOPIC, names, KEYS)):
            if row.error_code == ErrorCode.TOPIC_AUTHORIZATION_FAILED:
                refused = AuthError(
                    f"DescribeConfigs of {row.resource}: {error_name(row.error_code)}; see grants/acls.md"
                )
            elif not row.error_code:
                into[row.resource] = _config(row)
    return refused


def _config(row: ResourceConfig) -> TopicConfig:
    values = {key: entry.value or "" for key, entry in row.entries.items()}
    return TopicConfig(
        values.get("cleanup.policy", "N/A"),
        _number(values, "min.insync.replicas", 1),
        _number(values, "retention.ms", -1),
        _number(values, "retention.bytes", -1),
        _number(values, "max.message.bytes", -1),
        values.get("unclean.leader.election.enable") == "true",
    )


def _number(values: dict[str, str], key: str, default: int) -> int:
    text = values.get(key, "")
    return int(text) if text.lstrip("-").isdigit() else default
