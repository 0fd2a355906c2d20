"""What the demo's company spends on models: applications that call a stand-in of the vendors, and a past.

Owns starting and ending them, and the comparison of the ledger with what the stand-in answered.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lab.demo import judges
from lab.demo.settings import Folder, url
from lab.llm import agreement, bill, history
from lab.llm.company import ASSISTANT, HELPDESK
from lab.llm.standin import Standin
from lab.process import Process, ServerFailedError

_APPLICATIONS = (ASSISTANT, HELPDESK)
_ROOT = Path(__file__).parents[2]
_CALLS_PER_SECOND = 1.5
_BUSY_EVERY = 40
_LAST_SECONDS = 30.0
_DETAILS = "The largest differences"


class Spending:
    """The stand-in from the start on, the applications from begin() on."""

    def __init__(self, ports: Mapping[str, int], open_: ExitStack) -> None:
        self._open = open_
        self._ports = ports
        self._applications: list[Process] = []
        self.standin = open_.enter_context(Standin(port=ports["models"], busy_every=_BUSY_EVERY))

    def begin(self, folder: Folder) -> None:
        """Start the applications; the intake answers already."""
        intake = url(self._ports["intake"])
        for name in _APPLICATIONS:
            words = ["--models", self.standin.url, "--intake", intake, "--rate", str(_CALLS_PER_SECOND)]
            argv = [sys.executable, "-m", "lab.llm.application", name, *words]
            process = Process(argv, name=name, directory=folder.path, env={"PYTHONPATH": str(_ROOT)})
            self._open.callback(process.stop)
            self._applications.append(process.start())

    def settle(self, folder: Folder) -> str:
        """End the applications, and compare to the token; ServerFailedError names what differs."""
        for process in self._applications:
            if not process.alive():
                raise ServerFailedError(f"{process.name} ended by itself: {process.tail()}")
            process.stop()
        counted = self.standin.counted()
        deadline = time.monotonic() + _LAST_SECONDS
        while found := agreement.differences(counted, _reported(folder, _APPLICATIONS)):
            if time.monotonic() > deadline:
                raise ServerFailedError("the ledger differs from what was answered:\n" + "\n".join(found))
        calls = sum(count.calls for count in counted.values())
        tokens = sum(count.used.input + count.used.output for count in counted.values())
        return f"The ledger has what the models answered, by user and model: {calls:,} calls, {tokens:,} tokens"


def import_history(folder: Folder) -> str:
    """Bring the past into the ledger, before the service runs; what the command said."""
    path = folder.path / "history.ndjson"
    history.write(path, datetime.now(UTC))
    return judges.run("stackledger", "costs", "import", "--config", folder.configuration, path).strip()


def import_bills(folder: Folder) -> list[str]:
    """Bring last month's bills of the vendors beside it; how they compare with what was called, in words."""
    path = folder.path / "bills.csv"
    now = datetime.now(UTC)
    billed = bill.write(path, now)
    config = ("--config", folder.configuration)
    judges.run("stackledger", "costs", "import", *config, "--format", "focus", path)
    month = f"{now.replace(day=1) - timedelta(days=1):%Y-%m}"
    said = judges.run("stackledger", "costs", "reconcile", *config, "--month", month, fine=(0, 1))
    compared = said.partition(_DETAILS)[0].strip().splitlines()[1:]
    return [f"Bills of {month}: {billed:,.2f} USD", *(line for line in compared if line)]


def _reported(folder: Folder, sources: Sequence[str]) -> list[dict[str, Any]]:
    words: list[str | Path] = ["--config", folder.configuration, "--by", "user,model", "--json"]
    for source in sources:
        words += ["--where", f"source={source}"]
    yesterday = datetime.now(UTC).date() - timedelta(days=1)  # a demo may go on over midnight
    rows: list[dict[str, Any]] = json.loads(
        judges.run("stackledger", "costs", "report", *words, "--from", str(yesterday))
    )
    return rows
