"""A real Kafka broker: exact records, exact commits, a live member, death and return."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from lab import kafka_jars, ports, programs
from lab.kafka import KafkaCluster
from lab.process import wait_until

pytestmark = pytest.mark.real("kafka")


def test_records_commits_and_members_are_what_kafkas_own_tools_say(start, own_processes) -> None:
    before = own_processes()
    cluster = start(KafkaCluster(sasl=("client", "s3cret")))
    (broker,) = cluster.brokers
    cluster.create_topic("orders", partitions=2)
    assert cluster.produce("orders", 101) == {0: 51, 1: 50}
    assert cluster.end_offsets("orders") == {0: 51, 1: 50}
    cluster.commit("billing", {("orders", 0): 40, ("orders", 1): 50})
    lag = {row["PARTITION"]: row["LAG"] for row in cluster.group_rows("billing")}
    assert lag == {"0": "11", "1": "0"}
    with cluster.consumer("live", ["orders"], protocol="consumer") as member:
        member.wait_consumed(101)
        wait_until(
            lambda: "Stable" in cluster.tool("consumer-groups", "--describe", "--group", "live", "--state"), what="live"
        )
    cluster.kill(broker)
    assert not ports.is_listening(broker.port)
    cluster.restart(broker)
    wait_until(lambda: cluster.end_offsets("orders") == {0: 51, 1: 50}, what="the records to be back")
    held = [broker.port, broker.controller_port]
    cluster.stop()
    assert own_processes() == before
    assert all(map(ports.is_free, held))


def test_two_that_fetch_at_once_fetch_once_and_none_sees_half(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    maven = tmp_path / "mvn"
    calls = tmp_path / "calls"
    maven.write_text(
        f"#!/bin/sh\necho >>{calls}\nfor w; do case $w in -DoutputDirectory=*) d=${{w#*=}};; esac; done\n"
        'mkdir "$d"; touch "$d/a.jar"; sleep 0.3; touch "$d/b.jar"\n'
    )
    maven.chmod(0o755)
    monkeypatch.setattr(programs, "find", lambda name: maven)
    with ThreadPoolExecutor(2) as pool:
        seen = list(pool.map(lambda _: sorted(path.name for path in kafka_jars.fetch().iterdir()), range(2)))
    assert seen == [["a.jar", "b.jar"]] * 2
    assert calls.read_text().count("\n") == 1


def test_a_repository_that_cannot_be_reached_is_said_and_leaves_no_half(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    maven = tmp_path / "mvn"
    maven.write_text('#!/bin/sh\necho "[ERROR] Could not transfer artifact"; exit 1\n')
    maven.chmod(0o755)
    monkeypatch.setattr(programs, "find", lambda name: maven)
    with pytest.raises(programs.ProgramMissingError, match=r"Could not transfer artifact.*settings.xml"):
        kafka_jars.fetch()
    assert not kafka_jars.is_fetched()
    assert [path.name for path in kafka_jars.cache_directory().iterdir()] == ["fetch.lock"]
