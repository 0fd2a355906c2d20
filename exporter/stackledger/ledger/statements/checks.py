"""What must hold before a month is closed, each with what to do where it does not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from stackledger import money
from stackledger.ledger.periods import Period
from stackledger.ledger.reconcile.compare import FINAL
from stackledger.ledger.reconcile.values import AccountSum, Cause, Reconciliation


class Check(msgspec.Struct, frozen=True):
    """One line of the checklist."""

    name: str
    passed: bool
    detail: str


def period_over(month: Period, now_us: int) -> Check:
    """The month has ended."""
    over = now_us >= month.until_us
    return Check("the month is over", over, "" if over else f"{month.label} has not ended: close it afterwards")


def applied(month: Period, now_us: int, waiting: int, age_seconds: float) -> Check:
    """Nothing waits in the inbox that came before the month's end."""
    done = not waiting or now_us - round(age_seconds * 1e6) >= month.until_us
    told = "" if done else f"{waiting:,} events wait to be applied: try again when they are"
    return Check("all that was accepted is in the ledger", done, told)


def priced(unpriced: Sequence[tuple[str, int]], accepted: Collection[str]) -> Check:
    """Each model without a price has been accepted by its name. `unpriced` is (provider/model, calls)."""
    left = [f"{name} ({calls:,} calls)" for name, calls in unpriced if name not in accepted]
    done = [name for name, _ in unpriced if name in accepted]
    told = (
        f"no price is known for {', '.join(left)}: `costs reprice`, or --accept-unpriced each of them" if left else ""
    )
    return Check("every call has a price", not left, told or (f"accepted without: {', '.join(done)}" if done else ""))


def billed(accounts: Sequence[AccountSum], accepted: Collection[str]) -> Check:
    """Whoever was called has sent a bill that is final and covers every day, or was accepted by name."""
    open_, done = [], []
    for one in accounts:
        name = "/".join(filter(None, (one.provider, one.account)))
        if one.status == FINAL and one.days_billed == one.days_used:
            continue
        if name in accepted or one.provider in accepted:
            done.append(f"{name} ({one.status})")
        else:
            open_.append(f"{name} ({one.status}, {one.days_billed} of {one.days_used} days)")
    told = f"not all billed: {', '.join(open_)}: import the bill, or --accept-bill each of them" if open_ else ""
    return Check("every bill is there and final", not open_, told or (f"accepted: {', '.join(done)}" if done else ""))


LONGER: Final = "longer"
"""The name by which lines for more days than the month are accepted."""


def compared(found: Reconciliation, accepted: Collection[str]) -> Check:
    """No line of a bill is left out of the comparison, or what is was accepted by name."""
    left = {name: f"{money.exact(amount)} {name} without a rate" for name, amount in found.other_currencies.items()}
    if found.longer_lines:
        amount = money.exact(found.longer_amount)
        left[LONGER] = f"{found.longer_lines:,} lines of {amount} USD for more days than the month"
    open_ = [name for name in left if name not in accepted]
    told = f"not compared: {', '.join(left[name] for name in open_)}"
    remedy = f"declare the rate, or --accept-not-compared each of {', '.join(open_)}"
    done = f"accepted: {', '.join(left.values())}" if left else ""
    return Check("every line of a bill is compared", not open_, f"{told}: {remedy}" if open_ else done)


def explained(found: Reconciliation, tolerance_percent: Fraction) -> Check:
    """What has no known cause is little. Amounts of both signs count: they must not hide one another."""
    unexplained = sum(abs(line.causes.get(Cause.UNEXPLAINED, 0)) for line in found.lines)
    whole = sum(abs(one.billed) for one in found.accounts)
    passed = unexplained * 100 <= tolerance_percent * whole
    told = f"{money.exact(unexplained)} USD of {money.exact(whole)} USD unexplained"
    return Check("differences are explained", passed, told if passed else f"{told}: `costs reconcile` shows which")
