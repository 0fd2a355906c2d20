"""A Redis Cluster of 6 nodes with 100,000 keys: ours against redis_exporter, in one run.

Both run as they are deployed and are scraped at the same rhythm: ours once a cycle at /metrics, redis_exporter once a
cycle at /scrape for each of the 6 nodes, all at once, as Prometheus does. Nobody counts keys by pattern. A program's
own CPU is that of the whole cycle, whatever it was spent on.
"""

from __future__ import annotations

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from redis.cluster import RedisCluster as Client

from benchmarks.peers import Bench, Figures, Program, Scrape, wait_for
from benchmarks.table import show
from lab.programs import ProgramMissingError
from lab.redis import RedisCluster

KEYS = 100_000
_BATCH = 1_000
_WARM_UP = 2


@dataclass(frozen=True)
class Plan:
    """How often and how long."""

    cycles: int
    interval: float
    redis_exporter: str | None


def fill(cluster: RedisCluster) -> None:
    """100,000 keys of five types."""
    client = Client(host="127.0.0.1", port=cluster.nodes[0].port)
    for start in range(0, KEYS, _BATCH):
        pipe = client.pipeline()
        for number in range(start, start + _BATCH, 5):
            pipe.set(f"session:{number}", "x" * 64)
            pipe.hset(f"user:{number}", mapping={"name": "x", "seen": number})
            pipe.rpush(f"queue:{number}", "a", "b")
            pipe.sadd(f"tags:{number}", "a", "b")
            pipe.zadd(f"score:{number}", {"a": 1, "b": 2})
        pipe.execute()
    client.close()


class Cycles:
    """Cycles, and what they gave."""

    def __init__(self, cluster: RedisCluster, bench: Bench, plan: Plan) -> None:
        self.figures = Figures()
        self._plan = plan
        section = {"interval_seconds": plan.interval, "targets": [{"name": "bench", "seeds": cluster.seeds[:1]}]}
        self.ours = bench.service("ours", "redis", section)
        self.peer = self._peer(bench, plan.redis_exporter) if plan.redis_exporter else None
        self._targets = [f"/scrape?target=redis://{node.address}" for node in cluster.nodes]
        self._pool = ThreadPoolExecutor(len(self._targets))
        self._swept_at = 0.0

    @staticmethod
    def _peer(bench: Bench, path: str) -> Program:
        return bench.peer("redis_exporter", [path, "--web.listen-address=127.0.0.1:PORT"], ready="/")

    @property
    def programs(self) -> list[Program]:
        """What runs."""
        return [self.ours, *([self.peer] if self.peer else [])]

    def run(self) -> Figures:
        """The cycles, after some that do not count."""
        deadline = time.monotonic() + 60
        while not (swept_at := _swept_at(self.ours.scrape())):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no complete sweep within a minute; the log ends with\n{self.ours.process.tail()}")
            time.sleep(0.2)
        self._swept_at = swept_at
        with self._pool:
            for number in range(self._plan.cycles + _WARM_UP):
                if number == _WARM_UP:
                    self.figures.rows.clear()
                self._cycle()
        return self.figures

    def _cycle(self) -> None:
        interval = self._plan.interval
        wait_for(self._swept_at + 0.75 * interval)
        before = {program.name: program.cpu() for program in self.programs}
        wait_for(self._swept_at + 1.25 * interval)
        self._read_ours()
        if self.peer is not None:
            self._read_peer(self.peer)
        wait_for(self._swept_at + 0.75 * interval)
        for program in self.programs:
            self.figures.add(f"{program.name} cpu", program.cpu() - before[program.name])
            self.figures.add(f"{program.name} rss", program.resident())

    def _read_ours(self) -> None:
        page = self.ours.scrape()
        swept_at = _swept_at(page)
        self.figures.add("missed", float(swept_at == self._swept_at))
        self._swept_at = swept_at if swept_at > self._swept_at else self._swept_at + self._plan.interval
        self.figures.add("ours wall", page.total("stackledger_scrape_duration_seconds", lane="fast"))
        self.figures.add("ours series", page.series)

    def _read_peer(self, peer: Program) -> None:
        began = time.perf_counter()
        pages = list(self._pool.map(peer.scrape, self._targets))
        self.figures.add("redis_exporter wall", time.perf_counter() - began)
        self.figures.add("redis_exporter series", sum(page.series for page in pages))


def _swept_at(page: Scrape) -> float:
    return page.total("stackledger_scrape_last_success_timestamp_seconds", lane="fast")


def report(figures: Figures, cycles: Cycles, plan: Plan) -> None:
    """One table."""
    theirs = plan.redis_exporter is not None
    rows = []
    for title, name, aim in (("own CPU of a cycle", "cpu", "1/4"), ("wall of a sweep", "wall", "")):
        mine = [part(f"ours {name}") for part in (figures.least, figures.median, figures.mean)]
        row = [title, " / ".join(f"{value * 1e3:.1f}" for value in mine) + " ms", "-", "-", aim]
        if theirs:
            peer = [part(f"redis_exporter {name}") for part in (figures.least, figures.median, figures.mean)]
            row[2] = " / ".join(f"{value * 1e3:.1f}" for value in peer) + " ms"
            row[3] = " / ".join(f"{one / max(other, 1e-6):.2f}" for one, other in zip(mine, peer, strict=True))
        rows.append(row)
    for title, name in (("RSS, MiB", "rss"), ("series", "series")):
        row = [title, f"{figures.median(f'ours {name}'):,.0f}", "-", "-", ""]
        row[2] = f"{statistics.median(figures.rows[f'redis_exporter {name}']):,.0f}" if theirs else "-"
        rows.append(row)
    title = f"Redis Cluster, 6 nodes, {KEYS:,} keys: {plan.cycles} cycles of {plan.interval:g} s, least / median / mean"
    show(title, ["", "ours", "redis_exporter", "ours / theirs", "aim"], rows)
    print("peak RSS: " + ", ".join(f"{program.name} {program.peak():.0f} MiB" for program in cycles.programs))
    if missed := sum(figures.rows["missed"]):
        print(f"in {missed:.0f} cycles our sweep was not ready when the page was read")


def main(words: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks redis", description=__doc__)
    parser.add_argument("--redis-exporter", metavar="PATH", help="redis_exporter's program")
    parser.add_argument("--cycles", type=int, default=20, help="cycles (default 20)")
    parser.add_argument("--interval", type=float, default=10.0, help="seconds of a cycle (default 10)")
    arguments = parser.parse_args(words)
    plan = Plan(arguments.cycles, arguments.interval, arguments.redis_exporter)
    try:
        with RedisCluster() as cluster:
            fill(cluster)
            with Bench() as bench:
                cycles = Cycles(cluster, bench, plan)
                report(cycles.run(), cycles, plan)
    except ProgramMissingError as error:
        print(f"Redis is not measured: {error}")
