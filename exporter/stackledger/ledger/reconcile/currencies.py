"""Bills in other currencies, so that they can be compared: converted by the dated table, and told with the rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

import msgspec

from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.rates import Rates, Worth
from stackledger.ledger.reconcile.cells import Days, days_of
from stackledger.ledger.reconcile.estimates import EPOCH
from stackledger.money import USD


class Converted(msgspec.Struct, frozen=True):
    """All amounts that one rate converted: pico-units of the currency and pico-USD, in decimal digits."""

    currency: str
    rate: str
    amount: str
    usd: str


def in_usd(charges: Iterable[Charge], rates: Rates, asked: Days) -> tuple[list[Charge], list[Converted]]:
    """The lines, those with a known rate in USD, each by the rate of its last day; and what was converted.

    Lines without a known rate stay as they are. `asked` are the days whose conversions are told, the last excluded.
    """
    found: list[Charge] = []
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in charges:
        first, until = days_of(one)
        day = EPOCH + timedelta(until - 1)
        worth = rates.worth(one.billed, one.currency, day)
        if worth is None or worth.rate is None:
            found.append(one)
            continue
        more = [
            None if amount is None else rates.usd(amount, one.currency, day) for amount in (one.effective, one.listed)
        ]
        found.append(one._replace(billed=worth.usd, effective=more[0], listed=more[1], currency=USD))
        if first >= asked[0] and until <= asked[1]:
            _add(sums[one.currency, str(worth.rate)], worth)
    return found, [Converted(*key, str(amount), str(usd)) for key, (amount, usd) in sorted(sums.items())]


def _add(line: list[int], worth: Worth) -> None:
    line[0] += worth.amount
    line[1] += worth.usd
