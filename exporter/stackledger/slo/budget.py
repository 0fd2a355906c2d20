"""Error budgets: burn rate, what is left, when it is gone, and the same in words. Pure and exact; no PromQL."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from stackledger.slo.tiers import Tier

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def burn_rate(bad: Fraction | int, total: Fraction | int, budget: Decimal) -> Fraction | None:
    """How many times faster than allowed the budget is spent: 1 ends the window exactly at the objective.

    None without events: no traffic says nothing, neither good nor bad.
    """
    return Fraction(bad) / Fraction(total) / Fraction(budget) if total else None


def remaining(bad: Fraction | int, total: Fraction | int, budget: Decimal) -> Fraction | None:
    """The part of the budget that is left: 1 untouched, 0 spent, negative overspent; None without events."""
    burnt = burn_rate(bad, total, budget)
    return None if burnt is None else 1 - burnt


def seconds_to_exhaustion(left: Fraction, burn: Fraction, window_days: int) -> Fraction | None:
    """Seconds until the budget is gone if the burn rate stays; 0 when it is gone, None when it lasts for ever."""
    if left <= 0:
        return Fraction(0)
    return left * window_days * 86_400 / burn if burn > 0 else None


def seconds_to_fire(tier: Tier, error_ratio: Fraction, budget: Decimal) -> Fraction | None:
    """Seconds from the onset of a steady error ratio, after a clean past, until the tier fires; None if it never does.

    The window fills at the rate of the errors, so T = factor x budget x window / ratio.
    """
    threshold = Fraction(tier.factor) * Fraction(budget)
    return threshold * tier.long_seconds / error_ratio if error_ratio > threshold else None


def allowed_seconds(budget: Decimal, window_days: int) -> Decimal:
    """The budget as time: the bad seconds that the window may hold."""
    return budget * window_days * 86_400


def duration_in_words(seconds: Decimal | Fraction | float) -> str:
    """A duration for people, its two largest units: `43 min 12 s`, `2 d 3 h`; below a second `0 s`."""
    left = int(seconds)
    sign, left = ("-" if left < 0 else ""), abs(left)
    first = next((index for index, (size, _) in enumerate(_UNITS) if left >= size), len(_UNITS) - 1)
    parts: list[str] = []
    for size, name in _UNITS[first : first + 2]:
        count, left = divmod(left, size)
        if count or not parts:
            parts.append(f"{count} {name}")
    return sign + " ".join(parts)


def budget_in_words(left: Fraction | float, budget: Decimal, window_days: int, *, events: int | None = None) -> str:
    """What is left of a budget: time for time slices, failures where `events` of the window are given.

    `21 min 36 s of 43 min 12 s left`, `1,200 of 2,000 failures left`, `overspent by 4 min 19 s of 43 min 12 s`.
    """
    share = Fraction(left)
    if events is not None:
        whole = Fraction(budget) * events
        amount, total, noun = f"{int(abs(share) * whole):,}", f"{int(whole):,}", " failures"
    else:
        allowed = Fraction(allowed_seconds(budget, window_days))
        amount, total, noun = duration_in_words(abs(share) * allowed), duration_in_words(allowed), ""
    if share < 0:
        return f"overspent by {amount} of {total}{noun}"
    return f"{amount} of {total}{noun} left"
