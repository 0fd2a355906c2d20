"""Everything that the demo runs, started in order and stopped in the opposite one.

Owns the wiring: systems, load, receiver, configuration, the service, Prometheus, Alertmanager, the panel viewer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx

from lab import ports, workdir
from lab.alertmanager import Alertmanager
from lab.demo import boards, judges, load, settings, systems
from lab.demo.panels import PanelViewer
from lab.demo.settings import Folder, url
from lab.demo.spending import Spending, import_bills, import_history
from lab.process import Process, given_up_by
from lab.prometheus import Prometheus
from lab.receiver import Receiver


class PortTakenError(RuntimeError):
    """A port that was asked for is in use; says what to do."""


@dataclass
class Stack:
    """What runs."""

    folder: Folder
    ports: Mapping[str, int]
    systems: systems.Systems
    load: load.Load
    spending: Spending
    receiver: Receiver
    service: Process
    prometheus: Prometheus

    @property
    def metrics_url(self) -> str:
        """The service's page for Prometheus."""
        return f"{url(self.ports['console'])}/metrics"

    def addresses(self) -> list[str]:
        """Where to look, line by line."""
        found = {
            "console": url(self.ports["console"]),
            "costs": f"{url(self.ports['console'])}/costs",
            "metrics": self.metrics_url,
            "boards": f"{url(self.ports['panels'])}/dashboards   (stands for Grafana)",
            "messages": f"{url(self.ports['panels'])}/messages   (what Slack, PagerDuty and mail received)",
            "intake": f"{url(self.ports['intake'])}   (/api/v1/usage and /v1/traces)",
            "models": f"{self.spending.standin.url}   (stands for OpenAI and Anthropic)",
            "Prometheus": url(self.ports["prometheus"]),
            "Alertmanager": url(self.ports["alertmanager"]),
            "files": str(self.folder.path),
        }
        return [f"  {name:13}{where}" for name, where in found.items()]


def start(
    names: Sequence[str],
    *,
    open_: ExitStack,
    stop: threading.Event,
    say: Callable[[str], None],
    chosen: Mapping[str, int],
    keep: bool,
) -> Stack:
    """Start all; everything is stopped by `open_`, also when this fails half-way."""
    held = _ports(open_, chosen)
    folder = _folder(open_, say, keep=keep)
    receiver = Receiver(folder.received, http_port=held["webhooks"], smtp_port=held["mail"])
    open_.enter_context(receiver)
    spending = Spending(held, open_)
    say("Starting " + "; ".join(systems.TITLES[name] for name in names) + " ...")
    running = systems.start_together(names, open_, stop)
    working = load.begin(running, open_)
    settings.write(folder, running, ports=held, receiver=receiver)
    for line in _prepare(folder, stop):
        say(line)
    service, prometheus = _start_watchers(folder, held, receiver, spending, open_=open_, stop=stop, say=say)
    return Stack(folder, held, running, working, spending, receiver, service, prometheus)


def _prepare(folder: Folder, stop: threading.Event) -> list[str]:
    """What has to be there before the service: the files that it generates, and the past in its ledger."""

    def past() -> list[str]:
        with given_up_by(stop):
            return [f"History of calls to models: {import_history(folder)}", *import_bills(folder)]

    with ThreadPoolExecutor(1) as pool:
        imported = pool.submit(past)
        said = judges.generate(folder)
    return [*said, *imported.result()]


def _start_watchers(
    folder: Folder,
    held: Mapping[str, int],
    receiver: Receiver,
    spending: Spending,
    *,
    open_: ExitStack,
    stop: threading.Event,
    say: Callable[[str], None],
) -> tuple[Process, Prometheus]:
    """The service, Alertmanager, Prometheus and the viewer, while the tools judge what they were given to read."""
    with ThreadPoolExecutor(1) as pool:
        judged = pool.submit(_judge, folder, stop)
        service = _start_service(folder, held, open_)
        spending.begin(folder)
        routing = folder.generated / "alerts" / "alertmanager.yml"
        alertmanager = Alertmanager(routing, port=held["alertmanager"])
        prometheus = Prometheus(folder.generated / "deploy" / "prometheus.yml", port=held["prometheus"])
        for server in (alertmanager, prometheus):
            open_.callback(server.stop)
            server.start()
        viewer = PanelViewer(
            held["panels"],
            boards=cache(lambda: boards.read(folder.generated)),
            prometheus=prometheus,
            messages=lambda: receiver.messages,
        )
        open_.enter_context(viewer)
    for line in judged.result():
        say(f"{line}.")
    return service, prometheus


def _judge(folder: Folder, stop: threading.Event) -> list[str]:
    with given_up_by(stop):
        return judges.judge(folder)


def _start_service(folder: Folder, held: Mapping[str, int], open_: ExitStack) -> Process:
    words = [judges.command("stackledger"), "serve", "--config", str(folder.configuration)]
    service = Process(words, name="stackledger", directory=folder.path)
    open_.callback(service.stop)
    service.start()
    with httpx.Client(timeout=5, trust_env=False) as client:
        pages = [f"{url(held['console'])}/-/ready", f"{url(held['intake'])}/-/healthy"]
        service.wait_ready(lambda: all(client.get(page).is_success for page in pages))
    return service


def _ports(open_: ExitStack, chosen: Mapping[str, int]) -> dict[str, int]:
    for name, number in chosen.items():
        if not ports.is_free(number):
            raise PortTakenError(
                f"Port {number}, asked for as {name}, is in use: stop what listens there "
                f"(ss -ltnp 'sport = :{number}'), choose another with --port {name}=NUMBER, or leave it out and a "
                "free one is taken."
            )
    free = open_.enter_context(ports.reserve(len(settings.PORTS))).ports
    return dict(zip(settings.PORTS, free, strict=True)) | dict(chosen)


def _folder(open_: ExitStack, say: Callable[[str], None], *, keep: bool) -> Folder:
    path = workdir.create("demo")
    if keep:
        open_.callback(lambda: say(f"The demo's files are kept in {_keep(path)}"))
    else:
        open_.callback(workdir.remove, path)
    return Folder(path)


def _keep(path: Path) -> Path:
    """A name that no later lab takes for an abandoned folder of its own."""
    kept = path.with_name(f"stackledger-kept-{path.name.rpartition('-')[2]}")
    path.rename(kept)
    return kept
