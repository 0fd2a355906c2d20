"""Charges on both engines: delivered again, restated, in parts, beyond 64 bits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stackledger.errors import StorageError
from stackledger.ledger.charges.charge import Change, Charge
from stackledger.ledger.charges.store import charges_between, deliver, last_delivery
from stackledger.ledger.engines.base import Engine, Statement

DAY = 86_400_000_000
MONTH = (0, 30 * DAY)


def line(name: str, billed: int, *, day: int = 0, **more: object) -> Charge:
    known = {
        "kind": "bill", "source": "aws/1", "file": "a.csv", "provider": "aws", "account": "1", "from_us": day * DAY,
        "until_us": (day + 1) * DAY, "period_from_us": MONTH[0], "period_until_us": MONTH[1], "sku": name,
        "model": "m", "unit": "output", "quantity": 10**12, "billed": billed, "effective": None, "listed": billed,
        "currency": "USD", "category": "usage", "corrects": False, "invoice": "", "row_id": f"{name}-{billed}",
    }  # fmt: skip
    return Charge(**(known | more))  # type: ignore[arg-type]


def in_force(engine: Engine, **as_of: int) -> list[tuple[str, int]]:
    return [(one.charge.sku, one.charge.billed) for one in charges_between(engine, "bill", *MONTH, **as_of)]


def test_what_is_delivered_again_changes_nothing(engine: Engine) -> None:
    lines = [line("a", 5), line("b", 10**30, quantity=None, listed=None), line("é'\"\\\t", -3)]
    first = deliver(engine, lines, 7)
    assert (first.added, first.unchanged, first.superseded, first.number) == (3, 0, 0, 1)
    again = deliver(engine, lines, 8)
    assert (again.added, again.unchanged, again.superseded, again.number) == (0, 3, 0, 0)
    assert [one.charge for one in charges_between(engine, "bill", *MONTH)] == lines
    assert charges_between(engine, "infrastructure", *MONTH) == []
    assert charges_between(engine, "bill", DAY, 2 * DAY) == []


def test_a_bill_restated_twice_keeps_every_version(open_engine: Callable[[], Engine]) -> None:
    engine = open_engine()
    deliver(engine, [line("a", 5), line("b", 6), line("other", 1, source="aws/2")], 1)
    second = deliver(engine, [line("a", 5), line("b", 7)], 2)
    assert (second.added, second.unchanged, second.superseded, second.number) == (1, 1, 1, 2)
    third = deliver(engine, [line("b", 6)], 3)
    assert (third.added, third.superseded, third.number) == (1, 2, 3)
    engine.close()
    engine = open_engine()
    assert in_force(engine) == [("other", 1), ("b", 6)]
    assert in_force(engine, as_of=1) == [("a", 5), ("b", 6), ("other", 1)]
    assert in_force(engine, as_of=2) == [("a", 5), ("other", 1), ("b", 7)]
    assert engine.query("SELECT count(*) FROM charge") == [(5,)]
    assert last_delivery(engine) == 3


def test_a_part_supersedes_nothing_and_another_period_is_left_alone(engine: Engine) -> None:
    deliver(engine, [line("a", 5)], 1)
    deliver(engine, [line("b", 6)], 2, add=True)
    later = {"period_from_us": MONTH[1], "period_until_us": 2 * MONTH[1]}
    deliver(engine, [line("c", 7, day=31, **later)], 3)
    assert in_force(engine) == [("a", 5), ("b", 6)]


def test_a_change_that_another_delivery_overtook_is_refused(engine: Engine) -> None:
    deliver(engine, [line("a", 5)], 1)
    with pytest.raises(StorageError, match="import it again"):
        engine.charge(Change(0, (line("b", 6),), (), 2))
    assert in_force(engine) == [("a", 5)]
    assert deliver(engine, [line("a", 6)], 3).number == 2


def test_a_statement_is_never_replaced(engine: Engine) -> None:
    first = Statement(1, "2026-10", "UTC", 5, "ada", "finance", "close", 0, "00", '{"é":1}')
    engine.state_month(first)
    with pytest.raises(StorageError, match="stays as it is"):
        engine.state_month(first._replace(signed="eve"))
    engine.state_month(first._replace(number=2))
    assert engine.query("SELECT number, signed, facts FROM statement ORDER BY number") == [
        (1, "ada", '{"é":1}'), (2, "ada", '{"é":1}'),
    ]  # fmt: skip
