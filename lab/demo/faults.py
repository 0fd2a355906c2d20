"""Three things that really break, each with the page that must come and the proof that its link shows the fault.

Owns breaking, repairing and proving. A proof is what a person on call would do: read the page, open the link, look.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from lab.demo import phone
from lab.demo.boards import Board, Panel, lines
from lab.demo.figures import figure
from lab.demo.load import STOPPABLE_GROUP, Load
from lab.demo.systems import Systems
from lab.process import ServerFailedError, wait_until
from lab.prometheus import Prometheus
from lab.receiver import Received, Receiver, Service

PAGE_SECONDS = 120.0
_BAD = ("red", "orange")
_BEFORE_SECONDS = 60.0


@dataclass(frozen=True)
class Broken:
    """What was broken, in words, and how to mend it."""

    what: str
    mend: Callable[[], None]


@dataclass(frozen=True)
class Fault:
    """A fault: the system that it needs, the alert that must page, and how it is made."""

    name: str
    system: str
    alert: str
    make: Callable[[Systems, Load], Broken]


@dataclass(frozen=True)
class Proof:
    """What the page and its link showed. `changes` are lines of the panel: name, value before, value at the page."""

    fault: Fault
    page: Received
    slack: Received
    seconds: float
    link: phone.Link
    panel: Panel
    changes: tuple[tuple[str, str, str], ...]


def _kill_master(systems: Systems, _load: Load) -> Broken:
    cluster = systems.redis
    if cluster is None:
        raise ServerFailedError("Redis does not run")
    master = cluster.master_of(0)
    cluster.kill(master)
    return Broken(f"killed the Redis master {master.address} (SIGKILL)", lambda: cluster.restart(master))


def _stall_replica(systems: Systems, _load: Load) -> Broken:
    cluster = systems.postgres
    if cluster is None:
        raise ServerFailedError("PostgreSQL does not run")
    standby = cluster.nodes[2]
    cluster.stall_stream(standby)
    what = f"froze the stream to the standby {standby.name} ({standby.address}); its connection lives, writes go on"
    return Broken(what, lambda: cluster.resume_stream(standby))


def _stop_consumer(systems: Systems, load: Load) -> Broken:
    cluster = systems.kafka
    if cluster is None:
        raise ServerFailedError("Kafka does not run")
    load.consumers[STOPPABLE_GROUP].stop()

    def mend() -> None:
        load.consumers[STOPPABLE_GROUP] = cluster.consumer(STOPPABLE_GROUP, ["orders"])

    return Broken(f"stopped the only consumer of the group {STOPPABLE_GROUP}; producers go on", mend)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("redis-master", "redis", "RedisMasterDown", _kill_master),
        Fault("replica-stalled", "postgres", "PostgresReplicaStalled", _stall_replica),
        Fault("consumer-stopped", "kafka", "KafkaConsumerStopped", _stop_consumer),
    )
}


@dataclass(frozen=True)
class Scene:
    """Where faults happen and where they show."""

    systems: Systems
    load: Load
    receiver: Receiver
    prometheus: Prometheus
    boards: tuple[Board, ...]


def break_and_prove(fault: Fault, scene: Scene, say: Callable[[str], None]) -> tuple[Proof, Broken]:
    """Break it, wait for the page, follow its link; ServerFailedError when any of it does not hold."""
    at = time.time()
    broken = fault.make(scene.systems, scene.load)
    say(f"Fault {fault.name}: {broken.what}. Waiting for the page ...")
    page = _arrival(scene.receiver, fault, Service.PAGERDUTY, since=at)
    slack = _arrival(scene.receiver, fault, Service.SLACK, since=at)
    link = phone.link_of(page)
    panel = _panel(scene.boards, link)
    changes = _seen(panel, link, scene.prometheus, fault=at, page=page.at)
    return Proof(fault, page, slack, page.at - at, link, panel, changes), broken


def report(proof: Proof) -> str:
    """The proof for people: the page as a phone shows it, the seconds, the link and what the panel shows."""
    slack_seconds = proof.seconds + proof.slack.at - proof.page.at
    return "\n".join(
        [
            phone.screen(proof.page, whole=False),
            phone.screen(proof.slack),
            f"From the fault to PagerDuty: {proof.seconds:.1f} s; to Slack: {slack_seconds:.1f} s. The page's link:",
            f"  {proof.link.url}",
            f"It opens, and its panel {proof.panel.title!r} shows the fault at that moment:",
            *(f"  {name}: {before} -> {now}" for name, before, now in proof.changes),
        ]
    )


def _arrival(receiver: Receiver, fault: Fault, service: Service, *, since: float) -> Received:
    found: list[Received] = []

    def arrived() -> bool:
        found[:] = [
            message
            for message in receiver.messages
            if message.at >= since and message.service is service and _is_about(message, fault.alert)
        ]
        return bool(found)

    wait_until(arrived, what=f"{fault.alert} to arrive at {service}", timeout=PAGE_SECONDS)
    return found[0]


def _is_about(message: Received, alert: str) -> bool:
    if message.service is Service.PAGERDUTY:
        return message.content.get("event_action") == "trigger" and phone.alert_of(message) == alert
    return message.mentions(alert)


def _panel(boards: tuple[Board, ...], link: phone.Link) -> Panel:
    """The panel that the link names, which must also open."""
    board = next((board for board in boards if board.uid == link.board), None)
    panel = board.panel(link.panel) if board is not None else None
    if panel is None:
        raise ServerFailedError(f"the link of the page leads to no panel: {link.url}")
    answer = httpx.get(link.url, timeout=30, trust_env=False)
    if answer.status_code != httpx.codes.OK or "<svg" not in answer.text:
        raise ServerFailedError(f"the link of the page does not open: {answer.status_code} from {link.url}")
    return panel


def _seen(
    panel: Panel, link: phone.Link, prometheus: Prometheus, *, fault: float, page: float
) -> tuple[tuple[str, str, str], ...]:
    """The panel's lines that its own thresholds call bad when the page came, and had not a moment before the fault."""
    now = _values(panel, link.variables, prometheus, start=page - 10, end=page)
    before = _values(panel, link.variables, prometheus, start=fault - _BEFORE_SECONDS, end=fault)
    bad = {name: value for name, value in now.items() if panel.colour(value) in _BAD}
    fresh = {name: value for name, value in bad.items() if name not in before or panel.colour(before[name]) not in _BAD}
    if not fresh:
        raise ServerFailedError(f"the panel {panel.title!r} shows no fault: before {before}, when the page came {now}")
    return tuple((name, _worded(panel, before.get(name)), _worded(panel, value)) for name, value in fresh.items())


def _values(
    panel: Panel, variables: Mapping[str, str], prometheus: Prometheus, *, start: float, end: float
) -> dict[str, float]:
    """Each line's last number in the time."""
    found = {}
    for line in lines(panel, prometheus, variables, start=start, end=end):
        numbers = [value for _, value in line["points"] if not math.isnan(value)]
        if numbers:
            found[str(line["name"])] = numbers[-1]
    return found


def _worded(panel: Panel, value: float | None) -> str:
    if value is None:
        return "not there"
    word = panel.words.get(f"{value:g}")
    return f"{word[0]} ({value:g})" if word else figure(value, panel.unit)
