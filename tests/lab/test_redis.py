"""Real Redis servers: formed, broken, mended and gone."""

from __future__ import annotations

import subprocess

import pytest

from lab import ports
from lab.process import ServerFailedError, wait_until
from lab.redis import RedisCluster, RedisStandalone

pytestmark = pytest.mark.real("redis")


def test_a_cluster_survives_its_masters_death_and_takes_it_back(start, own_processes) -> None:
    before = own_processes()
    cluster = start(RedisCluster(node_timeout_ms=1000))
    held = [node.port for node in cluster.nodes]
    assert [cluster.role(node) for node in cluster.nodes] == ["master"] * 3 + ["slave"] * 3
    master, (replica,) = cluster.master_of(1), cluster.replicas_of(1)
    assert (master.index, replica.index) == (1, 4)
    cluster.kill(master)
    assert cluster.wait_failover(1, since=master).index == replica.index
    cluster.restart(master)
    cluster.wait_ok()
    wait_until(lambda: cluster.replicas_of(1) == [master], what="the old master to follow")
    cluster.stop()
    assert own_processes() == before
    assert all(ports.is_free(port) and ports.is_free(port + ports.REDIS_BUS_OFFSET) for port in held)


def test_password_monitor_user_and_tls(start) -> None:
    server = start(RedisStandalone(replicas=1, password="s3cret", acl_user=("watch", "w4tch"), tls=True))  # noqa: S106
    assert server.cli(server.node, "SET", "k", "v") == "OK"
    assert server.info(server.nodes[1])["master_link_status"] == "up"
    ca = str(server.certificates.authority)
    base = ["redis-cli", "-e", "-p", str(server.node.port), "--no-auth-warning"]

    def ask(*words: str) -> str:
        done = subprocess.run([*base, *words], capture_output=True, text=True, check=False, timeout=10)
        return done.stdout + done.stderr

    as_monitor = ["--tls", "--cacert", ca, "--user", "watch", "--pass", "w4tch"]
    assert "redis_version" in ask(*as_monitor, "INFO", "server")
    assert "NOPERM" in ask(*as_monitor, "SET", "k", "other")
    assert "WRONGPASS" in ask("--tls", "--cacert", ca, "--user", "watch", "--pass", "no", "PING")
    assert "PONG" not in ask("--user", "watch", "--pass", "w4tch", "PING"), "the port speaks TLS alone"


def test_a_frozen_node_accepts_and_answers_nothing(start) -> None:
    server = start(RedisStandalone())
    server.freeze(server.node)
    assert ports.is_listening(server.node.port)
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["redis-cli", "-p", str(server.node.port), "PING"], timeout=0.5, check=False)
    server.thaw(server.node)
    assert server.cli(server.node, "PING") == "PONG"


def test_a_bad_setting_fails_with_redis_own_words_and_leaves_nothing(own_processes) -> None:
    before = own_processes()
    with pytest.raises(ServerFailedError, match=r"(?s)redis-0 ended.*no-such-setting"):
        RedisCluster(config={"no-such-setting": "1"}).start()
    assert own_processes() == before
