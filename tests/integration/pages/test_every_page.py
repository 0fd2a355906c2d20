"""Every page that can wake somebody about Kafka or Redis was fired once by a real fault, or it says why not."""

from __future__ import annotations

import re
from pathlib import Path

from stackledger.collect.integration import Integration
from stackledger.integrations.kafka import KAFKA
from stackledger.integrations.redis import REDIS
from stackledger.model import Severity

NOT_FIRED: dict[str, str] = {}
"""Alert by the reason why no fault can bring it about here."""


def pages(*integrations: Integration) -> set[str]:  # type: ignore[type-arg]
    return {alert.name for one in integrations for alert in one.alerts() if alert.severity is Severity.PAGE}


def test_every_page_is_fired_by_a_fault_or_says_why_not() -> None:
    here = Path(__file__).parent
    fired = {
        name
        for path in here.glob("test_*_pages.py")
        for name in re.findall(r'watch\.fires\(\s*"(\w+)"', path.read_text())
    }
    assert fired | NOT_FIRED.keys() == pages(KAFKA, REDIS)
    assert not fired & NOT_FIRED.keys()
    assert all(reason.endswith(".") for reason in NOT_FIRED.values())
