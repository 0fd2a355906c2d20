"""What happens while a month is closed: calls are applied, prices change. A statement is of one instant, or is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stackledger import money
from stackledger.errors import QuestionError
from stackledger.ledger.charges import focus
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.charges.store import deliver
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.reconcile.answers import reconciled
from stackledger.ledger.reconcile.values import Reconciliation
from stackledger.ledger.reprice import reprice
from stackledger.ledger.statements import answers
from stackledger.ledger.statements.store import statements
from tests.integration.ledger import bill_generator as bills
from tests.integration.ledger.building import Ledger, flat_rate
from tests.integration.ledger.declaring import at
from tests.integration.ledger.test_close import Opened


@pytest.fixture
def opened(engine: Engine, tmp_path: Path) -> Opened:
    Ledger(engine, bills.prices()).put(bills.events(), 1)
    deliver(engine, identified(focus.charges(str(bills.write_focus(tmp_path / "bill.csv")))), 5)
    return Opened(engine)


def test_what_waited_when_the_close_began_keeps_the_month_open(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is applied while bills are compared: too late for the statement."""
    opened.backlog = (1, 60 * 60 * 24 * 30.0)

    def meanwhile() -> None:
        put_late(opened)
        opened.backlog = (0, 0.0)

    during(monkeypatch, meanwhile)
    assert [one.name for one in opened.close().checks if not one.passed] == ["all that was accepted is in the ledger"]
    assert opened.close().made


def test_every_part_of_a_statement_counts_the_same_calls(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    during(monkeypatch, lambda: put_late(opened))
    told = json.loads(opened.close().json)
    ours = [money.parse(one["estimated_usd"]) for one in told["reconciliation"]]
    assert sum(ours) == money.parse(told["estimate"]["estimated_usd"])
    (step,) = json.loads(opened.close().json)["changes"]
    assert step["cause"] == "1 calls that came after the close"


def test_prices_that_change_meanwhile_end_a_close(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = bills.prices()
    prices.models["gpt-y"] = flat_rate(5_000_000)

    def meanwhile() -> None:
        until = at(1, 10)
        reprice(opened.engine, prices, from_us=at(1), until_us=until, only_unpriced=False, cause="list", made_us=9)

    during(monkeypatch, meanwhile)
    with pytest.raises(QuestionError, match="prices of 2026-09 changed while its statement was made: close it again"):
        opened.close()
    assert statements(opened.engine, "2026-09", "UTC") == []


def during(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Let this happen once, between the decision which calls count and the comparison of the bills."""
    left = [meanwhile]

    def compared(*given: Any, **named: Any) -> Reconciliation:
        if left:
            left.pop()()
        return reconciled(*given, **named)

    monkeypatch.setattr(answers, "reconciled", compared)


def put_late(opened: Opened) -> None:
    """One more call of September, in the next batch."""
    (one,) = [one for one in bills.events() if one.id == "0-0"]
    Ledger(opened.engine, bills.prices()).put([msgspec.structs.replace(one, id="late")], 2)
