"""Usage over HTTP into the ledger, as fast as it goes: accepted and durable, and applied.

The whole service runs as it is deployed, generator and server on the same machine. Events are NDJSON of about 280
bytes in bodies of 2,000, spans OTLP's protobuf of about 510 bytes in bodies of 512, from four connections, by 100,000
users, with random ids. While the ledger is held only is accepted: spans, then events, then as many as make `--known`;
then the ledger catches up; then both run against each other for `--seconds`. /metrics is scraped once a second. At
last, in the same run: the same rows by plain COPY into PostgreSQL, and (given the path of a Python that has it)
LiteLLM's completion_cost alone.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from benchmarks import ledger_peers
from benchmarks.ledger_load import Phase, Service, catch_up, held, idle, load
from benchmarks.table import show
from benchmarks.usage_bodies import Spans
from lab import ports, workdir


def main(options: Sequence[str] = ()) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ledger --", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long both run against each other")
    parser.add_argument("--accept-seconds", type=float, default=30.0, help="how long only is accepted, of each kind")
    parser.add_argument("--known", type=int, default=0, help="events that the ledger has before both run")
    parser.add_argument("--rate", type=float, default=0.0, help="events a second in that time; 0: as fast as it goes")
    parser.add_argument("--copy-rows", type=int, default=1_000_000, help="rows by plain COPY; 0: without")
    parser.add_argument("--litellm", type=Path, help="a Python that has litellm")
    arguments = parser.parse_args(options)
    folder = workdir.create("bench")
    try:
        with closing(ports.reserve(2)) as reserved:
            service = Service(folder, *reserved.ports)
            try:
                _run(service, arguments)
            finally:
                service.process.stop()
    finally:
        workdir.remove(folder)
    if arguments.copy_rows:
        ledger_peers.copy(arguments.copy_rows)
    if arguments.litellm is not None:
        ledger_peers.litellm(arguments.litellm, events=20_000)


def _run(service: Service, arguments: argparse.Namespace) -> None:
    phases = [idle(service, 20)]
    with held(service.pids()["ledger"]):
        phases.append(load(service, "spans accepted alone", seconds=arguments.accept_seconds, kind=Spans, is_held=True))
        phases.append(load(service, "accepted alone", seconds=arguments.accept_seconds, is_held=True))
        sent = sum(phase.accepted for phase in phases)
        if arguments.known > sent:
            more = load(service, "accepted alone, to the known", events=arguments.known - sent, is_held=True)
            phases.append(more)
            sent += more.accepted
    phases.append(catch_up(service, "applied alone", sent - service.applied()))
    both = load(service, f"both, with {service.applied():,} ids known", seconds=arguments.seconds, rate=arguments.rate)
    phases.append(both)
    events = sum(phase.accepted for phase in phases)
    phases.append(catch_up(service, "applied at the end", events - service.applied()))
    show(
        "Usage over HTTP",
        ("", "accepted/s", "applied/s", "µs CPU each: ingest", "ledger", "generator", "scrape p99", "late readings"),
        [_row(phase) for phase in phases],
    )
    _show_course(both)
    print(f"{service.ledger_bytes / events:.0f} bytes an event on the disk, of {events:,}, known ids included.")


def _row(phase: Phase) -> tuple[str, ...]:
    def each(cpu: float, events: int) -> str:
        return f"{cpu / events * 1e6:.2f}" if events else ""

    return (
        phase.name,
        f"{phase.accepted / phase.seconds:,.0f}",
        f"{phase.applied / phase.seconds:,.0f}",
        each(phase.cpu.get("ingest", 0.0), phase.accepted),
        each(phase.cpu.get("ledger", 0.0), phase.applied),
        each(phase.generator_cpu, phase.accepted),
        f"{phase.p99 * 1e3:.0f} ms",
        str(phase.late),
    )


def _show_course(phase: Phase) -> None:
    """How memory and the inbox went while both ran: whether they are flat."""

    def tenths(values: Sequence[float]) -> list[str]:
        step = max(1, len(values) // 10)
        return [f"{statistics.median(values[i : i + step]):,.0f}" for i in range(0, step * 10, step) if values[i:]]

    rows = [(f"MiB {role}", *tenths(values)) for role, values in sorted(phase.resident.items())]
    rows += [("MiB inbox", *tenths(phase.inbox_mib)), ("events waiting", *tenths(phase.waiting))]
    width = max(map(len, rows))
    padded = [(*row, *[""] * (width - len(row))) for row in rows]
    show(f"\n{phase.name}, by tenths of its {phase.seconds:.0f} s", ("", *map(str, range(1, width))), padded)
