"""From a line of a bill that differs to the calls of ours that it is about: the command that shows them."""

from __future__ import annotations

import shlex

from stackledger.ledger.reconcile.answers import LineTold


def explaining(line: LineTold, config: str = "") -> str:
    """The command, for a shell; empty where no call of ours is on the line. Days are those of the bill.

    It shows all kinds of units of these calls, each with its rate, also those that are on other lines.
    """
    if not line.where:
        return ""
    words = ["stackledger", "costs", "explain", *(["--config", config] if config else [])]
    words += ["--from", str(line.first), "--to", str(line.last), "--zone", line.zone]
    for name, values in line.where.items():
        for value in values:
            words += ["--where", f"{name}={value}"]
    return shlex.join(words)
