"""What a real Prometheus makes of our labels: ours stay, and its own are not put where a series speaks of a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: stackledger
    honor_labels: true
    static_configs: [{{targets: ["{address}"]}}]
"""


def test_nodes_targets_and_the_service_keep_their_own_instance(
    serve: Any, redis_cluster: Any, prometheus_factory: Callable[..., Any]
) -> None:
    section = {"interval_seconds": 1, "targets": [{"name": "cache", "seeds": redis_cluster.seeds[:1]}]}
    service = serve({"integrations": {"redis": section}})
    address = service.url.removeprefix("http://")
    service.until(lambda: service.value("stackledger_scrape_success", target="cache", lane="fast") == 1, "a first read")
    prometheus = prometheus_factory(CONFIG.format(address=address))
    service.until(lambda: prometheus.query("redis_up"), "Prometheus to read the service")

    def labels(expression: str) -> list[dict[str, str]]:
        return [result["metric"] for result in prometheus.query(expression)]

    nodes = labels("redis_up")
    assert {(node["instance"], node["job"]) for node in nodes} == {(seed, "redis") for seed in redis_cluster.seeds}
    wholes = labels("stackledger_redis_slots_uncovered or stackledger_redis_shard_replicas")
    assert wholes
    assert not [whole for whole in wholes if "instance" in whole]
    assert {own["instance"] for own in labels("stackledger_build_info")} == {address}
    assert {own["job"] for own in labels("stackledger_scrape_success")} == {"stackledger"}
