"""What real brokers answered (Kafka 2.8.2, 3.9.1 and 4.1.1) reads as what was set up when it was recorded."""

from __future__ import annotations

import pytest

from stackledger.errors import ProtocolError
from stackledger.integrations.kafka.wire.messages.cluster import MetadataRequest, TopicsMemory
from stackledger.integrations.kafka.wire.messages.groups import read_assignment
from tests.unit.integrations.kafka.recorded import Frame, frame, frames


@pytest.mark.parametrize("recorded", frames(), ids=lambda f: f"{f.kind.name}-v{f.version}")
def test_every_truncation_is_a_protocol_error(recorded: Frame) -> None:
    recorded.decode()
    for size in range(len(recorded.payload)):
        with pytest.raises(ProtocolError, match=f"^{recorded.kind.name} v{recorded.version} answer"):
            recorded.kind.decode(recorded.payload[:size], recorded.version)


@pytest.mark.parametrize("recorded", frames(), ids=lambda f: f"{f.kind.name}-v{f.version}")
def test_bytes_left_over_are_a_protocol_error(recorded: Frame) -> None:
    with pytest.raises(ProtocolError, match="left over"):
        recorded.kind.decode(recorded.payload + b"\0", recorded.version)


def test_brokers_topics_and_replicas() -> None:
    metadata = frame("Metadata", 12).decode()
    assert sorted(metadata.brokers) == [1, 2, 3]
    orders = metadata.topics["orders"]
    assert sorted(part.id for part in orders.partitions) == [0, 1, 2]
    assert all(sorted(part.replicas) == [1, 2, 3] and part.leader in part.in_sync for part in orders.partitions)
    assert orders.id.int
    assert metadata.topics["__consumer_offsets"].is_internal
    assert not orders.is_internal


def test_metadata_of_kafka_2_8() -> None:
    metadata = frame("Metadata", 11).decode()
    assert {part.id: part.replicas for part in metadata.topics["orders"].partitions} == {0: (1,), 1: (1,)}


def test_topics_that_did_not_change_are_remembered() -> None:
    recorded = frame("Metadata", 12)
    request = MetadataRequest(None, TopicsMemory())
    first = request.answer(recorded.payload, 12)
    again = request.answer(recorded.payload, 12)
    assert first == again == recorded.decode()
    assert again.topics is first.topics
    with pytest.raises(ProtocolError, match="left over"):
        request.answer(recorded.payload + b"\0", 12)
    with pytest.raises(ProtocolError, match="left over"):
        request.answer(recorded.payload + b"\0", 12)
    with pytest.raises(ProtocolError, match="announced"):
        request.answer(recorded.payload[:-2], 12)
    other = frame("Metadata", 11)
    assert request.answer(other.payload, 11) == other.decode()
    assert request.answer(recorded.payload, 12) == recorded.decode()


def test_feature_levels_and_versions() -> None:
    answer = frame("ApiVersions", 4).decode()
    assert answer.finalized_features["share.version"].newest == 1
    assert answer.finalized_features["metadata.version"].newest > 20
    assert answer.apis[3] == (0, 13)
    assert frame("ApiVersions", 3).decode().apis[3] == (0, 11)


def test_refused_api_versions_is_read_as_version_0() -> None:
    kind = frame("ApiVersions", 4).kind
    answer = kind.decode(bytes.fromhex("0023 00000001 0012 0000 0003"), 4)
    assert (answer.error_code, answer.apis) == (35, {18: (0, 3)})


def test_log_ends_and_errors_of_partitions_led_elsewhere() -> None:
    answer = frame("ListOffsets", 5).decode()
    assert answer.errors
    for topic, rows in answer.errors.items():
        assert set(rows.values()) == {6}
        assert not set(rows) & set(answer.offsets[topic])
    assert all(offset == 10 for offset in answer.offsets["orders"].values())


def test_commits_with_and_without_a_note() -> None:
    groups = frame("OffsetFetch", 9).decode()
    assert groups["with-note"].offsets == {"orders": {0: 4, 1: 3}}
    assert groups["only-commits"].offsets == {"orders": {0: 5, 1: 5, 2: 5}}
    assert groups["only-commits"].error_code == 0


def test_commits_of_one_group_before_kafka_3() -> None:
    assert frame("OffsetFetch", 7).decode()[""].offsets == {"orders": {0: 2}}


def test_every_type_of_group_is_listed() -> None:
    listed = {group.group_id: group for group in frame("ListGroups", 5).decode().groups}
    assert listed["classic-live"][1:] == ("consumer", "Stable", "classic")
    assert listed["new-live"][1:] == ("consumer", "Stable", "consumer")
    assert listed["only-commits"][1:] == ("", "Empty", "classic")
    old = frame("ListGroups", 4).decode().groups
    assert {group.group_type for group in old} == {""}


def test_classic_members_and_their_assignment() -> None:
    group = frame("DescribeGroups", 6).decode()["classic-live"]
    assert (group.state, group.protocol) == ("Stable", "range")
    (member,) = group.members
    assert member.client_host == "/127.0.0.1"
    assert read_assignment(member.assignment) == {"orders": (0, 1, 2)}
    assert read_assignment(b"") == {}
    with pytest.raises(ProtocolError, match="consumer assignment"):
        read_assignment(member.assignment[:-9])


def test_kip_848_members_and_their_assignment() -> None:
    group = frame("ConsumerGroupDescribe", 1).decode()["new-live"]
    assert (group.state, group.assignor, group.epoch) == ("Stable", "uniform", group.assignment_epoch)
    (member,) = group.members
    assert member.topic_regex is None
    assert sorted(member.topics) == ["orders", "payments"]
    assert {row.topic: sorted(row.partitions) for row in member.assignment} == {"orders": [0, 1, 2], "payments": [0, 1]}
    assert member.target is not None


def test_share_group_members() -> None:
    group = frame("ShareGroupDescribe", 1).decode()["share-live"]
    assert (group.state, group.assignor) == ("Stable", "simple")
    assert {row.topic: row.partitions for row in group.members[0].assignment} == {"orders": (0, 1, 2)}
    assert group.members[0].target is None


def test_log_directories() -> None:
    (new,) = frame("DescribeLogDirs", 4).decode().dirs
    assert sorted(new.sizes["orders"]) == [0, 1, 2]
    assert new.sizes["orders"][0] > 0
    assert new.total_bytes >= new.usable_bytes > 0
    (old,) = frame("DescribeLogDirs", 2).decode().dirs
    assert (old.total_bytes, old.usable_bytes) == (-1, -1)


def test_topic_settings() -> None:
    by_topic = {row.resource: row.entries for row in frame("DescribeConfigs", 4).decode()}
    assert by_topic["orders"]["retention.ms"].value == "604800000"
    assert by_topic["orders"]["cleanup.policy"].value == "delete"


def test_quorum() -> None:
    quorum = frame("DescribeQuorum", 2).decode()
    assert [voter.id for voter in quorum.voters] == [1, 2, 3]
    assert quorum.leader_id in (1, 2, 3)
    assert all(voter.last_caught_up_ms > 1_600_000_000_000 for voter in quorum.voters)
    assert frame("DescribeQuorum", 0).decode().error_code == -1  # Kafka 2.8 has it in name only


def test_reassignment_in_progress() -> None:
    moving = frame("ListPartitionReassignments", 0).decode().topics["audit"][0]
    assert len(moving.adding) == len(moving.removing) == 1
    assert set(moving.adding) | set(moving.removing) < set(moving.replicas)


def test_open_transaction_and_the_partition_that_it_holds_back() -> None:
    (transaction,) = frame("ListTransactions", 1).decode().transactions
    assert (transaction.transactional_id, transaction.state) == ("tx-open", "Ongoing")
    producers = frame("DescribeProducers", 0).decode()["payments"][0].producers
    holding = [producer for producer in producers if producer.transaction_start >= 0]
    assert [producer.producer_id for producer in holding] == [transaction.producer_id]


def test_registered_brokers() -> None:
    assert [broker.is_fenced for broker in frame("DescribeCluster", 2).decode().brokers] == [False] * 3
    assert frame("DescribeCluster", 0).decode().brokers[0].is_fenced is None


def test_access_control_entries() -> None:
    told = frame("DescribeAcls", 3).decode()
    assert told.error_code == 0
    assert sorted((acl.resource_type, acl.resource, acl.principal) for acl in told.acls) == [
        (2, "*", "User:reader"),
        (4, "kafka-cluster", "User:reader"),
        (4, "kafka-cluster", "User:reader"),
    ]


def test_client_quotas() -> None:
    told = frame("DescribeClientQuotas", 1).decode()
    assert {(frozenset(quota.entity), tuple(sorted(quota.limits.items()))) for quota in told.quotas} == {
        (frozenset({("user", "alice")}), (("consumer_byte_rate", 2e6), ("producer_byte_rate", 1e6))),
        (frozenset({("user", ""), ("client-id", "batch")}), (("request_percentage", 20.0),)),
    }


def test_supported_features_are_told_beside_the_agreed_ones() -> None:
    told = frame("ApiVersions", 4).decode()
    assert told.supported_features["metadata.version"].newest >= told.finalized_features["metadata.version"].newest
    assert told.supported_features["metadata.version"].oldest < told.supported_features["metadata.version"].newest
