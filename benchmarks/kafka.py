"""A Kafka cluster of 3 brokers, 5,000 partitions, 100 groups with 25,000 commits: ours against kminion, in one run.

Both run as they are deployed and are scraped at the same rhythm. A cycle has four quarters: our sweep and the scrape of
our page; the scrape of kminion, which reads Kafka while it is scraped; nobody; and, in the second half of the cycles,
a record into every partition and a commit of every group. A program's own CPU is that of the whole cycle, whatever it
was spent on; the brokers' is that of the quarter, less the idle one. `--times 4` measures again at four times the size.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.kafka_contents import PARTITIONS, Contents
from benchmarks.peers import Bench, Figures, Program, Scrape, cpu_seconds, wait_for
from benchmarks.table import show
from lab.kafka import KafkaCluster
from lab.programs import ProgramMissingError

BROKERS, TOPICS, GROUPS = 3, 200, 100
SLOW_INTERVAL = 300.0
"""How often the slow lane runs by default: its share of a cycle."""
_WARM_UP = 2
_REQUESTS = ("kminion_kafka_requests_sent_total", "stackledger_kafka_requests_total")


@dataclass(frozen=True)
class Plan:
    """How often and how long."""

    cycles: int
    interval: float
    kminion: str | None
    kafka_exporter: str | None
    names: str | None


class Lab:
    """The cluster with its contents and the programs that read it."""

    def __init__(self, bench: Bench, cluster: KafkaCluster, plan: Plan) -> None:
        self.cluster = cluster
        self.plan = plan
        self.bench = bench
        self.ours = self._service("ours", interval_seconds=plan.interval, slow_interval_seconds=86_400)
        self.kminion = self._kminion(plan.kminion) if plan.kminion else None

    def _service(self, name: str, **section: float) -> Program:
        bootstrap = [broker.address for broker in self.cluster.brokers]
        caps = {"max_partitions": 100_000, "max_group_partitions": 200_000}  # the peers have no caps
        names = {"names": self.plan.names} if self.plan.names else {}
        target = {"name": "bench", "bootstrap": bootstrap, **caps, **names}
        return self.bench.service(name, "kafka", {**section, "targets": [target]})

    def slow(self) -> Program:
        """The service with nothing to do but the slow lane, once in each cycle."""
        return self._service("slow", interval_seconds=3_600, slow_interval_seconds=self.plan.interval)

    def _kminion(self, path: str) -> Program:
        env = {"KAFKA_BROKERS": self.cluster.bootstrap, "EXPORTER_HOST": "127.0.0.1", "EXPORTER_PORT": "PORT"}
        return self.bench.peer("kminion", [path], ready="/ready", env=env | {"LOGGER_LEVEL": "warn"})

    def kafka_exporter(self, path: str) -> Program:
        """The other peer."""
        servers = [f"--kafka.server={broker.address}" for broker in self.cluster.brokers]
        return self.bench.peer("kafka_exporter", [path, "--web.listen-address=127.0.0.1:PORT", *servers])

    def brokers_cpu(self) -> float:
        """CPU seconds of all brokers since their start."""
        return sum(cpu_seconds(broker.process) for broker in self.cluster.brokers)


class Cycles:
    """Cycles of one kind, and what they gave."""

    def __init__(self, lab: Lab, contents: Contents, *, moving: bool) -> None:
        self.figures = Figures()
        self._lab = lab
        self._contents = contents
        self._moving = moving
        self._programs = [lab.ours, *([lab.kminion] if lab.kminion else [])]
        self._requests: dict[str, tuple[float, float]] = {}
        self._swept_at = _swept_at(lab.ours.scrape(), "fast")

    def run(self, count: int) -> Figures:
        """The cycles, after some that do not count."""
        for number in range(count + _WARM_UP):
            if number == _WARM_UP:
                self.figures.rows.clear()
            self._cycle()
        return self.figures

    def _cycle(self) -> None:
        quarter = self._lab.plan.interval / 4
        began = self._next_sweep() - quarter / 2
        wait_for(began)
        before = {program.name: program.cpu() for program in self._programs}
        costs = [self._brokers(began + quarter, lambda: self._read_ours(began + 0.8 * quarter))]
        costs.append(self._brokers(time.time() + quarter, self._read_kminion))
        idle = self._brokers(time.time() + quarter, lambda: None)
        for program, (cost, seconds) in zip(self._programs, costs, strict=False):
            self.figures.add(f"{program.name} brokers", cost - idle[0] * seconds / idle[1])
        self.figures.add("idle brokers", idle[0] / idle[1])
        with ThreadPoolExecutor(1) as pool:  # it may last longer than what is left: that is nobody's cycle
            moved = pool.submit(self._contents.move) if self._moving else None
            wait_for(began + self._lab.plan.interval)
            self.figures.add("late", time.time() - began - self._lab.plan.interval)
            for program in self._programs:
                self.figures.add(f"{program.name} cpu", program.cpu() - before[program.name])
                self.figures.add(f"{program.name} rss", program.resident())
        if moved is not None:
            moved.result()

    def _next_sweep(self) -> float:
        """When our next sweep will end for which there is still time to get ready.

        A cycle ends an eighth of an interval before it: more may not be asked for, or every other sweep would be left
        out, and with it what had just been moved.
        """
        interval = self._lab.plan.interval
        passed = time.time() - self._swept_at + interval / 16
        return self._swept_at + interval * max(1, math.ceil(passed / interval))

    def _brokers(self, until: float, action: Callable[[], None]) -> tuple[float, float]:
        """CPU of the brokers while the action runs, until a moment; and how long that was."""
        before, began = self._lab.brokers_cpu(), time.time()
        action()
        wait_for(until)
        return self._lab.brokers_cpu() - before, time.time() - began

    def _read_ours(self, at: float) -> None:
        wait_for(at)
        page = self._lab.ours.scrape()
        swept_at = _swept_at(page, "fast")
        self.figures.add("missed", float(swept_at == self._swept_at))
        self._swept_at = max(swept_at, self._swept_at)
        self.figures.add("ours wall", page.total("stackledger_scrape_duration_seconds", lane="fast"))
        self._note("ours", page)

    def _read_kminion(self) -> None:
        if self._lab.kminion is not None:
            page = self._lab.kminion.scrape()
            self.figures.add("kminion wall", page.seconds)
            self._note("kminion", page)

    def _note(self, name: str, page: Scrape) -> None:
        self.figures.add(f"{name} scrape", page.seconds)
        self.figures.add(f"{name} series", page.series)
        sent = max(page.total(metric) for metric in _REQUESTS)
        runs = page.total("stackledger_scrape_runs_total", lane="fast")  # more than one, where a move took long
        if name in self._requests:
            before, earlier = self._requests[name]
            self.figures.add(f"{name} between", max(runs - earlier - 1, 0))
            self.figures.add(f"{name} requests", (sent - before) / max(runs - earlier, 1) / BROKERS)
        self._requests[name] = sent, runs


def _swept_at(page: Scrape, lane: str) -> float:
    return page.total("stackledger_scrape_last_success_timestamp_seconds", lane=lane)


def slow_lane(lab: Lab) -> Figures:
    """The slow lane alone, once in each cycle, its idle time included."""
    figures, program = Figures(), lab.slow()
    while not (swept_at := _swept_at(program.scrape(), "slow")):
        time.sleep(0.5)
    program.scrape()
    for _ in range(max(3, lab.plan.cycles // 2)):
        before, brokers = program.cpu(), lab.brokers_cpu()
        swept_at += lab.plan.interval
        wait_for(swept_at + 2)
        figures.add("cpu", program.cpu() - before)
        figures.add("brokers", lab.brokers_cpu() - brokers)
        figures.add("wall", program.scrape().total("stackledger_scrape_duration_seconds", lane="slow"))
    lab.bench.stop(program)
    return figures


def exporter(lab: Lab, path: str) -> list[str]:
    """kafka_exporter, scraped a few times without a pause, as a row."""
    program, figures = lab.kafka_exporter(path), Figures()
    for _ in range(3):
        before, brokers = program.cpu(), lab.brokers_cpu()
        page = program.scrape()
        figures.add("wall", page.seconds)
        figures.add("cpu", program.cpu() - before)
        figures.add("brokers", lab.brokers_cpu() - brokers)
    texts = [f"{figures.least(name):.2f} / {figures.median(name):.2f} s" for name in ("wall", "cpu", "brokers")]
    peak = program.peak()
    lab.bench.stop(program)
    return ["kafka_exporter", *texts, f"{peak:.0f} MiB", f"{page.series:,}"]


@dataclass(frozen=True)
class Measured:
    """One size."""

    times: int
    standing: Figures
    moving: Figures
    slow: Figures
    peaks: dict[str, float]


def measure(plan: Plan, times: int) -> Measured:
    """One cluster of a size: everything that is measured on it."""
    calm = {"log.cleaner.enable": "false"}  # it would compact the commits in a rhythm of its own
    with KafkaCluster(BROKERS, heap_mib=256 + 256 * times, properties=calm) as cluster:
        contents = Contents(cluster, topics=TOPICS * times, groups=GROUPS * times)
        contents.fill()
        with Bench() as bench:
            lab = Lab(bench, cluster, plan)
            _first_sweep(lab.ours)
            standing = Cycles(lab, contents, moving=False).run(plan.cycles)
            moving = Cycles(lab, contents, moving=True).run(plan.cycles)
            programs = [lab.ours, *([lab.kminion] if lab.kminion else [])]
            peaks = {program.name: program.peak() for program in programs}
            slow = slow_lane(lab)
            measured = Measured(times, standing, moving, slow, peaks)
            print_size(measured, plan)
            if plan.kafka_exporter:
                heads = ["least / median of 3", "wall", "CPU", "brokers' CPU", "peak RSS", "series"]
                show("\nkafka_exporter on the same cluster", heads, [exporter(lab, plan.kafka_exporter)])
    return measured


def _first_sweep(ours: Program) -> None:
    deadline = time.monotonic() + 120
    while not _swept_at(ours.scrape(), "fast"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"no complete sweep within two minutes; the log ends with\n{ours.process.tail()}")
        time.sleep(0.5)


def print_size(measured: Measured, plan: Plan) -> None:
    """One table for each kind of cycle."""
    kinds = {"nothing moves": measured.standing, "every offset moves": measured.moving}
    size = f"{TOPICS * PARTITIONS * measured.times:,} partitions, {GROUPS * measured.times} groups"
    for kind, figures in kinds.items():
        rows = [
            _seconds("own CPU of a cycle", figures, "cpu", aim="1/4"),
            _seconds("wall of a sweep", figures, "wall", aim="1/3"),
            _seconds("answering a scrape", figures, "scrape", aim=""),
            _seconds("brokers' CPU", figures, "brokers", aim=""),
            _plain("requests a broker", figures, "requests", aim="6"),
            _plain("RSS, MiB", figures, "rss", aim="80"),
            _plain("series", figures, "series", aim=""),
        ]
        title = f"\nKafka, {size}, {kind}: {plan.cycles} cycles of {plan.interval:g} s, least / median / mean"
        show(title, ["", "ours", "kminion", "ours / kminion", "aim"], rows)
        if missed := sum(figures.rows["missed"]):
            print(f"in {missed:.0f} cycles our sweep was not ready when the page was read")
        if kind == "every offset moves" and (between := sum(figures.rows["ours between"])):
            print(
                f"{between:.0f} sweeps of ours that are not counted came before a move had ended and took a part of it"
            )
        if (late := max(figures.rows["late"])) > 0.5:
            print(f"a cycle lasted {late:.1f} s too long: give them more with --interval")
    _print_slow(measured, plan)


def _print_slow(measured: Measured, plan: Plan) -> None:
    slow, share = measured.slow, plan.interval / SLOW_INTERVAL
    print(f"the brokers at rest: {measured.standing.median('idle brokers'):.3f} CPU seconds a second")
    print(
        f"peak RSS: {', '.join(f'{name} {mib:.0f} MiB' for name, mib in measured.peaks.items())}\n"
        f"slow lane, once a cycle: own CPU {_three(slow, 'cpu')}, wall {_three(slow, 'wall')}, "
        f"brokers' CPU {_three(slow, 'brokers')} (idle time of all included)"
    )
    for kind, figures in (("nothing moves", measured.standing), ("every offset moves", measured.moving)):
        whole = figures.median("ours cpu") + share * slow.median("cpu")
        theirs = figures.rows.get("kminion cpu")
        against = f", {whole / statistics.median(theirs):.3f} of kminion's" if theirs else ""
        print(f"own CPU with the slow lane at its share of 1/{1 / share:.0f}, {kind}: median {whole:.3f} s{against}")


def _three(figures: Figures, name: str) -> str:
    return f"{figures.least(name):.3f} / {figures.median(name):.3f} / {figures.mean(name):.3f} s"


def _seconds(title: str, figures: Figures, name: str, *, aim: str) -> list[str]:
    ours = _three(figures, f"ours {name}")
    if f"kminion {name}" not in figures.rows:
        return [title, ours, "-", "-", aim]
    parts = (figures.least, figures.median, figures.mean)
    ratios = [part(f"ours {name}") / max(part(f"kminion {name}"), 1e-6) for part in parts]
    return [title, ours, _three(figures, f"kminion {name}"), " / ".join(f"{ratio:.2f}" for ratio in ratios), aim]


def _plain(title: str, figures: Figures, name: str, *, aim: str) -> list[str]:
    theirs = figures.rows.get(f"kminion {name}")
    cell = f"{statistics.median(theirs):,.1f}" if theirs else "-"
    return [title, f"{figures.median(f'ours {name}'):,.1f}", cell, "-", aim]


def print_growth(small: Measured, large: Measured) -> None:
    """How each figure grew between two sizes."""
    rows = []
    for title, name in (("own CPU", "cpu"), ("wall", "wall"), ("RSS", "rss"), ("requests", "requests")):
        for who in ("ours", "kminion"):
            if f"{who} {name}" in small.moving.rows:
                before, after = small.moving.median(f"{who} {name}"), large.moving.median(f"{who} {name}")
                rows.append([f"{title}, {who}", f"{before:.3f}", f"{after:.3f}", f"{after / before:.2f} x"])
    title = f"\nGrowth at {large.times} times the partitions, groups and commits, every offset moves (medians)"
    show(title, ["", "at 1", f"at {large.times}", "growth"], rows)


def main(words: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks kafka", description=__doc__)
    parser.add_argument("--kminion", metavar="PATH", help="kminion's program")
    parser.add_argument("--kafka-exporter", metavar="PATH", help="kafka_exporter's program")
    parser.add_argument("--times", type=int, default=1, help="measure also at so many times the size (default 1)")
    parser.add_argument("--cycles", type=int, default=10, help="cycles of each kind (default 10)")
    parser.add_argument("--interval", type=float, default=15.0, help="seconds of a cycle (default 15)")
    parser.add_argument("--names", help="whose metric names our page shows (default: as the service does)")
    arguments = parser.parse_args(words)
    plan = Plan(arguments.cycles, arguments.interval, arguments.kminion, arguments.kafka_exporter, arguments.names)
    try:
        sizes = [measure(plan, times) for times in sorted({1, arguments.times})]
    except ProgramMissingError as error:
        print(f"Kafka is not measured: {error}")
        return
    if len(sizes) > 1:
        print_growth(sizes[0], sizes[-1])
