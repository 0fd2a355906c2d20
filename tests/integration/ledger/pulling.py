"""What tests of pulls share: a clock that a test owns, settings that point at the stand-in, and what a ledger holds."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from stackledger.clock import SystemClock
from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.charges.store import charges_between
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.pulls.asking import PullReply, PullRequest
from stackledger.ledger.pulls.config import PullSettings
from stackledger.ledger.pulls.runner import Pulls
from tests.integration.ledger.vendor import Vendor

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
_EVER = 2**62


class Calendar(SystemClock):
    """The time is what a test says; waits are short, and remembered."""

    def __init__(self, now: datetime = NOON) -> None:
        super().__init__()
        self.at = now
        self.waits: list[float] = []

    def now(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(min(seconds, 0.01))


def settings(vendor: Vendor | None, kind: str, folder: Path, **more: Any) -> PullSettings:
    """A source named as its vendor; its key is in a file."""
    told: dict[str, Any] = {"name": kind, "vendor": kind}
    if vendor is not None:
        told["url"] = vendor.address
    if kind in ("openai", "anthropic"):
        key = folder / "admin.key"
        if not key.exists():
            key.write_text("admin-key\n")
        told |= {"key": {"file": str(key)}, "first_days": 33}
    return PullSettings.model_validate(told | more)


def pulled(pulls: Pulls, source: str, *, well: bool = True, **more: Any) -> PullReply:
    reply = pulls.pull(PullRequest(source, **more))
    assert (reply.failure == "") is well, reply
    return reply


def lines(engine: Engine, kind: str = "bill") -> list[Charge]:
    """What is in force."""
    return sorted(one.charge for one in charges_between(engine, kind, 0, _EVER))
