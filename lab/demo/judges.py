"""Runs the service's own commands and lets the field's tools judge what it generated.

Owns calling them and reading their verdicts; a refusal is a ServerFailedError in the tool's own words.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.alertmanager import amtool
from lab.demo.settings import Folder
from lab.process import ServerFailedError
from lab.prometheus import promtool


def command(name: str) -> str:
    """Path of a program that stands beside this interpreter, in the same virtual environment."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ServerFailedError(f"{name} is not installed beside {sys.executable}: run `make demo`, which installs it")
    return found


def run(*words: str | Path, fine: tuple[int, ...] = (0,)) -> str:
    """Standard output of one of those programs; ServerFailedError with what it said when it exits otherwise."""
    argv = [command(str(words[0])), *map(str, words[1:])]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)
    if done.returncode not in fine:
        said = f"{done.stdout}\n{done.stderr}".strip()
        raise ServerFailedError(f"{words[0]} {words[1]} exits {done.returncode}: {said[-3000:]}")
    return done.stdout


def generate(folder: Folder) -> list[str]:
    """Check the configuration and generate everything; what the commands said last."""
    config = ("--config", folder.configuration)
    said = [run("stackledger", "check", *config)]
    said.append(run("stackledger", "generate", *config, "--out", folder.generated))
    return [text.strip().splitlines()[-1] for text in said]


def judge(folder: Folder) -> list[str]:
    """One line per tool that found nothing to complain about; ServerFailedError at the first that did."""
    out = folder.generated
    rules = sorted([*out.glob("alerts/rules/*.yaml"), *out.glob("slo/rules/*.yaml")])
    tests = sorted(out.glob("alerts/tests/*.yaml"))
    routing = out / "alerts" / "alertmanager.yml"
    promtool("check", "config", out / "deploy" / "prometheus.yml")
    promtool("check", "rules", *rules)
    promtool("test", "rules", *tests)
    amtool("check-config", routing)
    run("amlint", "check", "--rules", out / "alerts" / "rules" / "*.yaml", routing)
    return [
        f"promtool accepts {len(rules)} rule files, and their {len(tests)} files of tests pass",
        "amtool and amlint accept the routing",
    ]


@dataclass(frozen=True)
class Verification:
    """What `stackledger verify` found: the share of uses that exist (0 to 1) and every use with its verdict."""

    ratio: float
    uses: list[dict[str, Any]]

    def of(self, verdict: str) -> list[dict[str, Any]]:
        """The uses with that verdict."""
        return [use for use in self.uses if use["verdict"] == verdict]


def verify(folder: Folder, *, metrics_url: str, prometheus_url: str) -> Verification:
    """Compare what boards, alerts and SLOs use with what exists now."""
    config = ("--config", folder.configuration, "--url", metrics_url, "--prometheus", prometheus_url)
    found = json.loads(run("stackledger", "verify", *config, "--json", fine=(0, 1)))
    return Verification(found["ratio"], found["uses"])
