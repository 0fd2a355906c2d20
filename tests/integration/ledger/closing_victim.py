"""A process to kill: closes months and corrects them, one step after another, as fast as it can.

    python closing_victim.py duck|postgres PLACE SCHEMA FOLDER

A step takes in calls, restates the month's bill, prices calls again in one step of each month, states the month and
writes the files. All of it is made from the step's number, so that a step that was cut off and is done again is the
same; where to go on, the process reads from the ledger alone. The number of each step that is done is written to
standard output.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from stackledger.cli.costs.statements import write_missing
from stackledger.ledger.buckets import Usage
from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.charges.store import deliver
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.event import UsageEvent
from stackledger.ledger.per_user.declared import Declared
from stackledger.ledger.periods import last_of_month
from stackledger.ledger.reprice import reprice
from stackledger.ledger.statements.answers import CloseReply, CloseRequest, close_month
from stackledger.money import PICO
from tests.integration.ledger.apply_in_a_loop import open_store
from tests.integration.ledger.building import Ledger, PriceList, flat_rate

A_MONTH = 4
"""Steps of a month: its close and three corrections."""
_REPRICED = 2


class Steps:
    """A ledger, and the folder of its statements."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self._folder = folder
        self.declared = Declared()
        self._at_us = 0

    # -- what a close needs of an open ledger

    def now_us(self) -> int:
        return self._at_us

    def book(self) -> str:
        return "book-1"

    def waiting(self) -> tuple[int, float]:
        return 0, 0.0

    # -- the steps

    def done(self) -> int:
        """How many steps have their statement."""
        ((count,),) = self.engine.query("SELECT count(*) FROM statement")
        return int(count)

    def go_on(self) -> int:
        """Repeat the close that may have been cut off; the step to do next."""
        number = self.done()
        if number and number % A_MONTH == 0:  # else the next step writes the month's files
            assert not self._close(number - 1).made
        return number

    def do(self, number: int) -> None:
        """One step, whether a part of it was done before or not."""
        first, place = month_of(number), number % A_MONTH
        begin, end = (_midnight(day) for day in (first, last_of_month(first) + timedelta(days=1)))
        self._at_us = end + (20 + place) * 86_400_000_000
        prices = PriceList("book-1", {"a": flat_rate(7), "b": flat_rate(11)})
        Ledger(self.engine, prices).put(calls(number), number + 1)
        deliver(self.engine, [bill(number, begin, end)], self._at_us)
        if place == _REPRICED:
            reprice(
                self.engine, PriceList("book-2", {"a": flat_rate(8), "b": flat_rate(11)}), from_us=begin, until_us=end,
                only_unpriced=False, cause="a is dearer", made_us=self._at_us,
            )  # fmt: skip
        self._close(number)

    def _close(self, number: int) -> CloseReply:
        reply = close_month(
            self,
            CloseRequest(
                f"{month_of(number):%Y-%m}", "UTC", "anna", "finance", unpriced=("openai/c",), bills=("openai",),
                tolerance_percent="100",
            ),
        )  # fmt: skip
        assert reply.number, reply.checks
        write_missing(self._folder, reply.all)
        return reply


def month_of(number: int) -> date:
    """The month that a step is about."""
    months = number // A_MONTH
    return date(2000 + months // 12, months % 12 + 1, 1)


def calls(number: int) -> list[UsageEvent]:
    """A step's calls, some of them those of the step before once more where it is of the same month."""
    found = _calls(number)
    return found + (_calls(number - 1)[:4] if number % A_MONTH else [])


def _calls(number: int) -> list[UsageEvent]:
    chance = random.Random(number)
    first = month_of(number)
    begin = datetime(first.year, first.month, 1, tzinfo=UTC)
    return [
        UsageEvent(
            id=f"{number}-{place}",
            time=begin + timedelta(minutes=chance.randrange(28 * 24 * 60)),
            provider="openai",
            model=chance.choice("aabbc"),
            source="app",
            user=f"user-{chance.randrange(5)}",
            team=chance.choice(("search", "")),
            usage=Usage(input_uncached=chance.randrange(5000), output=chance.randrange(900)),
        )
        for place in range(12)
    ]


def bill(number: int, begin_us: int, end_us: int) -> Charge:
    """The month's bill as the step restates it: one amount for all."""
    amount = (100 + number % A_MONTH) * PICO
    return Charge(
        "bill", "openai/", "bill.csv", "openai", "", begin_us, end_us, begin_us, end_us, "", "", "", None, amount, None,
        None, "USD", "usage", corrects=False, invoice="INV", row_id=f"{number}",
    )  # fmt: skip


def _midnight(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def main(kind: str, place: str, schema: str, folder: str) -> None:
    """Step by step until killed."""
    steps = Steps(open_store(kind, place, schema), Path(folder))
    os.write(1, b"ready\n")
    number = steps.go_on()
    while True:
        steps.do(number)
        os.write(1, b"%d\n" % number)
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:5])
