"""Groups that read, stop, stall, rewind and lose records; counters to the record; caps with an exact rest."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from lab.kafka import KafkaCluster
from stackledger.integrations.kafka.groups import metrics as gm
from stackledger.integrations.kafka.peers.kminion import metrics as kminion
from stackledger.integrations.kafka.selection import OTHER
from stackledger.integrations.kafka.topics import metrics as tm
from tests.integration.kafka.reading import Reader, Seen

pytestmark = pytest.mark.real("kafka")

STUCK = 2.0


@pytest.fixture
def topic(kafka_cluster: KafkaCluster) -> str:
    name = f"groups-{uuid.uuid4().hex[:8]}"
    kafka_cluster.create_topic(name, partitions=3)
    return name


@pytest.fixture
def reader(kafka_cluster: KafkaCluster) -> Iterator[Reader]:
    with Reader(kafka_cluster.bootstrap, stuck_after_seconds=STUCK) as reader:
        reader.sweep()
        yield reader


def begin(reader: Reader, topic: str, partitions: int = 3) -> None:
    """Watch until every partition has been seen: a broker may not answer for one that was made a moment ago, and
    records of a partition that is seen for the first time do not count."""
    reader.until(lambda seen: len(seen.rows(kminion.PARTITION_HIGH_WATER_MARK, topic_name=topic)) == partitions)


def verdict(seen: Seen, topic: str) -> tuple[str, str]:
    (row,) = seen.rows(gm.VERDICT_INFO, topic_name=topic)
    return dict(row)["verdict"], dict(row)["reason"]


def delete_topic(cluster: KafkaCluster, name: str) -> None:
    admin = AdminClient(cluster.client_settings())  # a call ends with its client
    admin.delete_topics([name])[name].result(30)


def test_n_records_in_and_the_counter_says_n(kafka_cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    """The topic was made before the first sweep, so what is counted begins there; then every record counts once."""
    begin(reader, topic)
    start = reader.sweep().one(tm.RECORDS_PRODUCED, topic_name=topic)
    total = start
    for count in (1, 250, 1000):
        kafka_cluster.produce(topic, count)
        total += count
        assert reader.sweep().one(tm.RECORDS_PRODUCED, topic_name=topic) == total
        assert reader.sweep().one(tm.RECORDS_PRODUCED, topic_name=topic) == total
    assert total == sum(kafka_cluster.end_offsets(topic).values())


def test_a_topic_made_while_we_watch_counts_from_its_first_record(kafka_cluster: KafkaCluster, reader: Reader) -> None:
    name = f"born-{uuid.uuid4().hex[:8]}"
    kafka_cluster.create_topic(name, partitions=2)
    kafka_cluster.produce(name, 77)
    assert reader.sweep().one(tm.RECORDS_PRODUCED, topic_name=name) == 77


def test_partitions_that_are_added_count_from_their_first_record(
    kafka_cluster: KafkaCluster, topic: str, reader: Reader
) -> None:
    kafka_cluster.tool("topics", "--alter", "--topic", topic, "--partitions", "5")
    kafka_cluster.produce(topic, 100, partition=4)
    seen = reader.until(
        lambda seen: bool(seen.rows(kminion.PARTITION_HIGH_WATER_MARK, topic_name=topic, partition_id="4"))
    )
    assert seen.one(tm.RECORDS_PRODUCED, topic_name=topic) == 100


def test_a_topic_made_again_under_its_name_starts_anew(kafka_cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    begin(reader, topic)
    kafka_cluster.produce(topic, 500)
    kafka_cluster.commit(f"{topic}-g", {(topic, 0): 10})
    assert reader.sweep().one(tm.RECORDS_PRODUCED, topic_name=topic) == 500
    delete_topic(kafka_cluster, topic)
    reader.until(lambda seen: not seen.rows(kminion.TOPIC_INFO, topic_name=topic))
    assert not reader.sweep().rows(tm.RECORDS_PRODUCED, topic_name=topic)
    kafka_cluster.create_topic(topic, partitions=3)
    kafka_cluster.produce(topic, 60)
    again = reader.sweep()
    assert again.one(tm.RECORDS_PRODUCED, topic_name=topic) == 60
    assert again.one(kminion.TOPIC_HIGH_WATER_MARK_SUM, topic_name=topic) == 60
    assert not again.rows(gm.LAG, topic_name=topic, group_id=f"{topic}-g")


def test_deleted_and_made_again_between_two_sweeps(kafka_cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    begin(reader, topic)
    kafka_cluster.produce(topic, 500)
    reader.sweep()
    delete_topic(kafka_cluster, topic)
    deadline = time.monotonic() + 30
    while True:  # the name is free only once the deletion has gone through
        try:
            kafka_cluster.create_topic(topic, partitions=3)
            break
        except KafkaException:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    kafka_cluster.produce(topic, 900)
    assert reader.sweep().one(tm.RECORDS_PRODUCED, topic_name=topic) == 900


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_live_member_is_counted_in_both_protocols(
    kafka_cluster: KafkaCluster, topic: str, reader: Reader, protocol: str
) -> None:
    group = f"{topic}-{protocol}"
    kafka_cluster.produce(topic, 90)
    with kafka_cluster.consumer(group, [topic], protocol=protocol) as consumer:
        consumer.wait_consumed(90)
        seen = reader.until(
            lambda seen: (
                seen.rows(gm.LAG, group_id=group) == {frozenset({("group_id", group), ("topic_name", topic)}): 0.0}
            )
        )
        assert seen.one(gm.GROUP_MEMBERS, group_id=group) == 1
        assert seen.one(kminion.GROUP_TOPIC_MEMBERS, group_id=group) == 1
        assert seen.one(kminion.GROUP_TOPIC_ASSIGNED, group_id=group) == 3
        assert seen.label(gm.GROUP_INFO, "state", group_id=group) == "Stable"
        assert seen.one(gm.GROUP_INFO, group_id=group) == 1
        assert verdict(seen, topic) == ("ok", "caught_up")
        before = seen.one(gm.RECORDS_CONSUMED, group_id=group)
        kafka_cluster.produce(topic, 30)
        reader.until(lambda seen: seen.one(gm.RECORDS_CONSUMED, group_id=group) == before + 30)
    left = reader.until(lambda seen: seen.one(gm.GROUP_MEMBERS, group_id=group) == 0)
    assert left.label(gm.GROUP_INFO, "state", group_id=group) == "Empty"


def test_a_group_that_stops(kafka_cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    group = f"{topic}-stops"
    with kafka_cluster.consumer(group, [topic]) as consumer:
        kafka_cluster.produce(topic, 30)
        consumer.wait_consumed(30)
        reader.until(lambda seen: bool(seen.rows(gm.VERDICT, group_id=group)) and verdict(seen, topic)[0] == "ok")
    kafka_cluster.produce(topic, 30)
    began = time.monotonic()
    assert reader.sweep().one(gm.VERDICT, group_id=group) == 0
    stopped = reader.until(lambda seen: seen.one(gm.VERDICT, group_id=group) != 0)
    assert time.monotonic() - began >= STUCK
    assert verdict(stopped, topic) == ("stopped", "no_members")
    assert stopped.one(gm.LAG, group_id=group) == 30
    assert stopped.one(gm.LAG_SECONDS, group_id=group) >= STUCK
    assert stopped.label(gm.LAG_METHOD, "method", group_id=group) == "history"
    with kafka_cluster.consumer(group, [topic]):
        back = reader.until(lambda seen: seen.one(gm.LAG, group_id=group) == 0)
    assert verdict(back, topic) == ("ok", "caught_up")


def test_a_group_that_stalls(kafka_cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    """A member that keeps its membership and works so slowly that nothing is committed."""
    group = f"{topic}-stalls"
    kafka_cluster.commit(group, {(topic, p): 0 for p in range(3)})
    kafka_cluster.produce(topic, 300)
    with kafka_cluster.consumer(group, [topic], pause_seconds=3600.0) as consumer:
        consumer.wait_consumed(1)
        seen = reader.until(
            lambda seen: seen.rows(gm.VERDICT, group_id=group) != {} and verdict(seen, topic)[0] == "stalled"
        )
        assert verdict(seen, topic) == ("stalled", "no_progress")
        assert seen.one(gm.GROUP_MEMBERS, group_id=group) == 1
        assert seen.one(gm.VERDICT, group_id=group) == 2


def test_a_group_that_rewinds(kafka_cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    group = f"{topic}-rewinds"
    kafka_cluster.produce(topic, 300)
    kafka_cluster.commit(group, {(topic, p): 100 for p in range(3)})
    assert verdict(reader.sweep(), topic) == ("ok", "caught_up")
    kafka_cluster.commit(group, {(topic, 1): 20})
    seen = reader.sweep()
    assert verdict(seen, topic) == ("rewound", "went_back")
    assert seen.one(gm.LAG, group_id=group) == 80
    assert seen.one(gm.RECORDS_CONSUMED, group_id=group) == 0
    kafka_cluster.commit(group, {(topic, 1): 100})
    assert reader.sweep().one(gm.RECORDS_CONSUMED, group_id=group) == 80


def test_the_last_commit_and_the_worst_partition(kafka_cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    group = f"{topic}-worst"
    kafka_cluster.produce(topic, 300)
    kafka_cluster.commit(group, {(topic, 0): 90, (topic, 1): 20, (topic, 2): 100})
    first = reader.sweep()
    assert first.one(gm.WORST_PARTITION_LAG, group_id=group) == 80
    assert first.one(gm.WORST_PARTITION, group_id=group) == 1
    assert first.one(gm.HEADROOM_RECORDS, group_id=group) == 20
    assert not first.rows(gm.LAST_COMMIT, group_id=group)  # it may have been made at any time before
    began = time.time()
    kafka_cluster.commit(group, {(topic, 1): 100})
    moved = reader.sweep()
    assert began <= moved.one(gm.LAST_COMMIT, group_id=group) <= time.time()
    assert moved.one(gm.WORST_PARTITION, group_id=group) == 0
    kafka_cluster.commit(group, {(topic, 0): 100})
    when = reader.sweep().one(gm.LAST_COMMIT, group_id=group)
    still = reader.sweep()
    assert still.one(gm.LAST_COMMIT, group_id=group) == when
    assert still.one(gm.WORST_PARTITION, group_id=group) == -1
    assert not still.rows(gm.HEADROOM_RECORDS, group_id=group)


def test_seconds_by_partition(kafka_cluster: KafkaCluster, topic: str) -> None:
    group = f"{topic}-p"
    kafka_cluster.commit(group, {(topic, p): 0 for p in range(3)})
    with Reader(kafka_cluster.bootstrap, partition_seconds=True) as reader:
        reader.sweep()
        kafka_cluster.produce(topic, 10, partition=1)
        reader.sweep()
        time.sleep(1.0)
        seen = reader.sweep()
        assert seen.one(gm.PARTITION_LAG_SECONDS, group_id=group, partition_id="0") == 0
        late = seen.one(gm.PARTITION_LAG_SECONDS, group_id=group, partition_id="1")
        assert late == seen.one(gm.LAG_SECONDS, group_id=group) >= 1.0


def test_a_deleted_group_goes(kafka_cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    group = f"{topic}-deleted"
    kafka_cluster.commit(group, {(topic, 0): 0})
    assert reader.sweep().rows(gm.GROUP_INFO, group_id=group)
    admin = AdminClient(kafka_cluster.client_settings())
    admin.delete_consumer_groups([group])[group].result(30)
    reader.until(lambda seen: not seen.rows(gm.GROUP_INFO, group_id=group), timeout=10)
    assert not reader.sweep().rows(gm.LAG, group_id=group)


def test_records_that_were_deleted_unread(kafka_cluster: KafkaCluster, topic: str, reader: Reader) -> None:
    group = f"{topic}-late"
    kafka_cluster.produce(topic, 300)
    kafka_cluster.commit(group, {(topic, p): 10 for p in range(3)})
    assert reader.sweep().one(gm.LOST_RECORDS, group_id=group) == 0
    admin = AdminClient(kafka_cluster.client_settings())
    for future in admin.delete_records([TopicPartition(topic, 0, 70)]).values():
        future.result(30)
    seen = reader.sweep()
    assert seen.one(gm.LOST_RECORDS, group_id=group) == 60
    assert seen.one(kminion.TOPIC_LOW_WATER_MARK_SUM, topic_name=topic) == 70


def test_retention_headroom(kafka_cluster: KafkaCluster, reader: Reader) -> None:
    name = f"short-{uuid.uuid4().hex[:8]}"
    kafka_cluster.create_topic(name, config={"retention.ms": "600000"})
    kafka_cluster.commit(f"{name}-g", {(name, 0): 0})
    assert reader.sweep().one(gm.RETENTION_HEADROOM, topic_name=name) == 600
    kafka_cluster.produce(name, 10)
    reader.sweep()
    time.sleep(1)
    seen = reader.sweep()
    assert seen.one(gm.RETENTION_HEADROOM, topic_name=name) == 600 - seen.one(gm.LAG_SECONDS, topic_name=name) < 599.5


def test_lag_in_seconds_is_the_age_of_the_oldest_record(
    kafka_cluster: KafkaCluster, topic: str, reader: Reader
) -> None:
    group = f"{topic}-aged"
    kafka_cluster.commit(group, {(topic, p): 0 for p in range(3)})
    reader.sweep()
    began = time.time()
    kafka_cluster.produce(topic, 30)
    ended = time.time()
    for _ in range(8):
        time.sleep(0.3)
        seen = reader.sweep()
    now = time.time()
    age, doubt = seen.one(gm.LAG_SECONDS, group_id=group), seen.one(gm.LAG_DOUBT, group_id=group)
    assert age - doubt <= now - began
    assert age + doubt >= now - ended - 0.2
    assert age > 2
    kafka_cluster.commit(group, {(topic, p): 10 for p in range(3)})
    caught_up = reader.sweep()
    assert caught_up.one(gm.LAG_SECONDS, group_id=group) == 0
    assert caught_up.label(gm.LAG_METHOD, "method", group_id=group) == "caught_up"


def test_an_open_transaction_holds_the_stable_offset(kafka_cluster: KafkaCluster, topic: str) -> None:
    producer = Producer(kafka_cluster.client_settings() | {"transactional.id": topic})
    producer.init_transactions(60)
    producer.begin_transaction()
    for _ in range(5):
        producer.produce(topic, b"x", partition=0)
    producer.flush(30)
    kafka_cluster.commit(f"{topic}-g", {(topic, 0): 0})
    try:
        with Reader(kafka_cluster.bootstrap, stable_offsets=True) as reader:
            seen = reader.sweep()
            assert seen.one(tm.OPEN_TRANSACTION_RECORDS, topic_name=topic) == 5
            assert seen.one(gm.STABLE_LAG, topic_name=topic) == 0
            assert seen.one(gm.LAG, topic_name=topic) == 5
            producer.commit_transaction(60)
            done = reader.until(lambda seen: seen.one(tm.OPEN_TRANSACTION_RECORDS, topic_name=topic) == 0)
            assert done.one(gm.STABLE_LAG, topic_name=topic) == 6  # five records and the commit marker
    finally:
        producer.purge()


def test_caps_leave_an_exact_rest(kafka_cluster: KafkaCluster, topic: str) -> None:
    kafka_cluster.produce(topic, 30)
    for number in range(4):
        kafka_cluster.commit(f"{topic}-{number}", {(topic, p): 5 for p in range(3)})
    with Reader(kafka_cluster.bootstrap) as whole:
        full = whole.sweep()
    with Reader(kafka_cluster.bootstrap, max_topics=1, max_groups=1, max_partitions=1) as capped:
        part = capped.sweep()
        for metric in (
            kminion.TOPIC_HIGH_WATER_MARK_SUM,
            gm.LAG,
            kminion.GROUP_TOPIC_OFFSET_SUM,
            gm.GROUP_MEMBERS,
        ):
            assert sum(part.rows(metric).values()) == sum(full.rows(metric).values()), metric.name
        assert len(part.rows(kminion.TOPIC_HIGH_WATER_MARK_SUM)) == 2
        assert len(part.rows(gm.GROUP_INFO)) == 1
        assert part.one(gm.OTHER_GROUPS) == full.one(gm.OTHER_GROUPS) + len(full.rows(gm.GROUP_INFO)) - 1
        shown = part.rows(kminion.TOPIC_INFO)
        before = (
            part.one(tm.RECORDS_PRODUCED, topic_name=OTHER) if part.rows(tm.RECORDS_PRODUCED, topic_name=OTHER) else 0
        )
        kafka_cluster.produce(topic, 12)
        later = capped.sweep()
        assert later.rows(kminion.TOPIC_INFO) == shown
        grown = sum(later.rows(tm.RECORDS_PRODUCED).values()) - sum(part.rows(tm.RECORDS_PRODUCED).values())
        assert grown >= 12
        assert later.one(tm.RECORDS_PRODUCED, topic_name=OTHER) >= before


def test_exclusion_and_no_partition_series(kafka_cluster: KafkaCluster, topic: str) -> None:
    kafka_cluster.commit(f"{topic}-in", {(topic, 0): 0})
    kafka_cluster.commit(f"{topic}-out", {(topic, 0): 0})
    settings = {"exclude_topics": ("__.*",), "exclude_groups": (".*-out",), "partition_series": False}
    with Reader(kafka_cluster.bootstrap, **settings) as reader:
        seen = reader.sweep()
        assert seen.rows(gm.GROUP_INFO, group_id=f"{topic}-in")
        assert not seen.rows(gm.GROUP_INFO, group_id=f"{topic}-out")
        assert not seen.rows(kminion.TOPIC_INFO, topic_name="__consumer_offsets")
        assert not seen.rows(kminion.PARTITION_HIGH_WATER_MARK)
        assert not seen.rows(kminion.GROUP_TOPIC_PARTITION_LAG)
        assert seen.one(tm.OFFSETS_COMPLETENESS) == 1
