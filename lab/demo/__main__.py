"""The demo's command line: what `make demo` runs.

Exit status: 0 when a bounded demo has proven all, 1 when something was not proven or could not run, 2 for a wrong
argument, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from lab import programs
from lab.demo import boards, faults, ready, stack, summary, systems
from lab.demo.settings import PORTS, url
from lab.demo.supervise import Supervisor
from lab.ports import NoFreePortError
from lab.process import GivenUpError, ServerFailedError

_ALL = "all"
_QUIET_SECONDS = 15.0
_REFRESH_SECONDS = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; its exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    names = _wanted(parser, options)
    supervisor = Supervisor(say)
    try:
        return supervisor.run(lambda: _Demo(options, names, supervisor).run())
    except (stack.PortTakenError, NoFreePortError) as error:
        say(str(error))
        return 2
    except (ServerFailedError, programs.ProgramMissingError) as error:
        say(f"Not proven: {error}")
        return 1


def say(text: str) -> None:
    """Print at once; a terminal that has gone away keeps nothing from being stopped."""
    with suppress(OSError, ValueError):
        print(text, flush=True)


class _Demo:
    def __init__(self, options: argparse.Namespace, names: list[str], supervisor: Supervisor) -> None:
        self._options = options
        self._names = names
        self._stop = supervisor.stop

    def run(self) -> int:
        missing = {name: why for name in self._names if (why := systems.absent(name))}
        here = [name for name in self._names if name not in missing]
        if not self._can_run(here, missing):
            return 1
        began = time.time()
        with ExitStack() as open_:
            options = self._options
            running = stack.start(
                here, open_=open_, stop=self._stop, say=say, chosen=dict(options.port), keep=options.keep_dir
            )
            say("\n".join(["Running:", *running.addresses()]))
            metrics_url = running.metrics_url
            readiness = ready.wait_ready(running.folder, running.prometheus, metrics_url=metrics_url, say=say)
            for question in readiness.answers.excused:
                say(f"  no data yet in {question.where}: {question.excuse}")
            say(f"Ready after {time.time() - began:.0f} s.")
            self._break(running)
            if not options.bounded:
                self._watch(running, began)
            say(f"{running.spending.settle(running.folder)}.")
            say("\n".join(_summary(running, began)))
        say("All is proven, and everything is stopped." + "".join(f" Not shown: {name}." for name in missing))
        return 0

    def _can_run(self, here: list[str], missing: dict[str, str]) -> bool:
        for name, why in missing.items():
            say(f"{systems.TITLES[name]} is left out: {why}")
        if missing:
            say(f"To have all of it:  {systems.how_to_install(list(missing))}")
        judges = systems.absent_judges()
        if judges:
            say("Without these nothing can be shown: " + "; ".join(judges))
            say(f"Install them:  {systems.how_to_install(['prometheus', 'alertmanager'])}")
        unbreakable = [fault.name for fault in self._faults() if fault.system not in here]
        if unbreakable:
            say(f"The fault {', '.join(unbreakable)} needs what is left out.")
        if missing and programs.servers_required():
            say(f"{programs.REQUIRE_SWITCH} is set: a missing server is a failure.")
            return False
        if not here:
            say("There is no system left to show.")
        return bool(here) and not judges and not unbreakable

    def _faults(self) -> list[faults.Fault]:
        chosen = self._options.fault
        if chosen == _ALL:
            return [fault for fault in faults.FAULTS.values() if fault.system in self._names]
        return [faults.FAULTS[chosen]] if chosen else []

    def _break(self, running: stack.Stack) -> None:
        wanted = self._faults()
        if not wanted:
            return
        shown = boards.read(running.folder.generated)
        scene = faults.Scene(running.systems, running.load, running.receiver, running.prometheus, shown)
        for fault in wanted:
            proof, broken = faults.break_and_prove(fault, scene, say)
            say(faults.report(proof))
            if fault is not wanted[-1] or self._options.bounded:
                broken.mend()
                say("Mended.")
            else:
                say("It stays broken, so that you can look at it.")

    def _watch(self, running: stack.Stack, began: float) -> None:
        """Show the summary until a signal comes: in place on a terminal, now and then elsewhere."""
        say("Ctrl-C stops everything that was started here, and nothing else.")
        in_place, height = sys.stdout.isatty(), 0
        while not self._stop.wait(_REFRESH_SECONDS if in_place else _QUIET_SECONDS):
            lines = _summary(running, began)
            up = f"\033[{height}F\033[J" if in_place and height else ""
            say(up + "\n".join(lines))
            height = len(lines)
        raise GivenUpError("asked to stop")


def _summary(running: stack.Stack, began: float) -> list[str]:
    console = url(running.ports["console"])
    watched = summary.Watched(running.prometheus, console, running.folder.generated, running.systems.names)
    return summary.lines(watched, began=began)


def _wanted(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[str]:
    names: list[str] = options.only or list(systems.NAMES)
    fault = faults.FAULTS.get(options.fault or "")
    if fault is not None and fault.system not in names:
        parser.error(f"the fault {fault.name} needs {fault.system}: add it to --only")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lab.demo",
        description="Run Redis, PostgreSQL, Kafka and calls to models with the service and Prometheus on this machine.",
        epilog="example: make demo FAULT=redis-master",
    )
    parser.add_argument("--fault", choices=[*faults.FAULTS, _ALL], help="break this, and show the page that it brings")
    parser.add_argument("--bounded", action="store_true", help="stop when all is proven instead of waiting for Ctrl-C")
    parser.add_argument("--only", type=_systems, metavar="NAME,...", help=f"only these of {', '.join(systems.NAMES)}")
    parser.add_argument("--keep-dir", action="store_true", help="keep the configuration, generated files and messages")
    parser.add_argument(
        "--port",
        type=_port,
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help=f"a port of your choice for one of {', '.join(PORTS)}; others are free ones",
    )
    return parser


def _systems(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in systems.NAMES]:
        raise argparse.ArgumentTypeError(f"no such system: {', '.join(unknown)}")
    return [name for name in systems.NAMES if name in names]


def _port(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in PORTS or not number.isdigit() or not 0 < int(number) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER with a name of {', '.join(PORTS)}")
    return name, int(number)


if __name__ == "__main__":
    sys.exit(main())
