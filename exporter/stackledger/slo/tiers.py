"""Which burn rates are worth a page or a ticket, for an objective and a window. Pure; owns the numbers, no PromQL.

The four tiers and their shares of the budget are those of the SRE Workbook, chapter "Alerting on SLOs": 2 % in 1 h,
5 % in 6 h, 10 % in 1 d, 10 % in 3 d of a 30-day window, each with a short window of a twelfth that ends the alert.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from stackledger.model.alert import Severity

_DAY = 86_400
_HOUR = 3_600
_FACTOR_DIGITS = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Tier:
    """One alert of an SLO: it fires while the burn rate is above `factor` in the long and in the short window.

    `share` is the part of the budget (0 to 1) that is spent when a steady burn at `factor` has filled the long window.
    """

    name: str
    severity: Severity
    long_seconds: int
    short_seconds: int
    share: Decimal
    factor: Decimal

    @property
    def long(self) -> str:
        """The long window in PromQL's spelling."""
        return window_text(self.long_seconds)

    @property
    def short(self) -> str:
        """The short window in PromQL's spelling."""
        return window_text(self.short_seconds)


@dataclass(frozen=True, slots=True)
class Policy:
    """The tiers that can fire and mean something, and in words what was left out or changed and why."""

    budget: Decimal
    tiers: tuple[Tier, ...]
    notes: tuple[str, ...]

    @property
    def windows(self) -> tuple[int, ...]:
        """Every window that a tier looks at, in seconds, shortest first."""
        return tuple(sorted({seconds for tier in self.tiers for seconds in (tier.long_seconds, tier.short_seconds)}))


_STANDARD = (
    ("page_fast", Severity.PAGE, _HOUR, Decimal("0.02")),
    ("page_slow", Severity.PAGE, 6 * _HOUR, Decimal("0.05")),
    ("ticket_fast", Severity.TICKET, _DAY, Decimal("0.10")),
    ("ticket_slow", Severity.TICKET, 3 * _DAY, Decimal("0.10")),
)


def budget_of(objective: Decimal) -> Decimal:
    """The error budget as a ratio, exact: 0.001 for an objective of 99.9 per cent."""
    return ((100 - objective) / 100).normalize()


def policy(objective: Decimal, window_days: int) -> Policy:
    """The tiers for an objective (per cent) and a rolling window (days), with what had to be changed, in words."""
    budget = budget_of(objective)
    notes: list[str] = []
    kept: list[Tier] = []
    for name, severity, long_seconds, share in _STANDARD:
        tier, note = _scaled(name, severity, long_seconds, share=share, window_days=window_days)
        reason = _reason_to_drop(tier, budget, window_days)
        if reason:
            notes.append(f"{name} is left out: {reason}")
            continue
        notes += [note] if note else []
        kept.append(tier)
    return Policy(budget, _distinct(kept, notes), tuple(notes))


def _scaled(name: str, severity: Severity, long_seconds: int, *, share: Decimal, window_days: int) -> tuple[Tier, str]:
    """The tier for this window: factor = share x window / long window, never below a pace that spends the budget."""
    window = window_days * _DAY
    factor = (share * window / long_seconds).quantize(_FACTOR_DIGITS).normalize()
    note = ""
    if factor < 1:
        note = (
            f"{name} fires above a burn rate of 1, not {factor}: below 1 the period ends inside the objective; "
            f"{_percent(Decimal(long_seconds) / window)} of the budget is spent when it fires"
        )
        factor, share = Decimal(1), Decimal(long_seconds) / window
    return Tier(name, severity, long_seconds, long_seconds // 12, share, factor), note


def _reason_to_drop(tier: Tier, budget: Decimal, window_days: int) -> str:
    if tier.long_seconds > window_days * _DAY:
        return f"its window of {tier.long} is longer than the SLO's {window_days} d"
    if tier.factor * budget >= 1:
        worst = (1 / budget).quantize(Decimal("0.01"))
        return (
            f"it would need a burn rate above {tier.factor}, and with every event bad the burn rate is {worst}; "
            "it could never fire"
        )
    return ""


def _distinct(tiers: list[Tier], notes: list[str]) -> tuple[Tier, ...]:
    """Of tiers with the same severity and factor only the longest: the shorter one would only be noisier."""
    longest = {(tier.severity, tier.factor): tier for tier in tiers}
    for tier in tiers:
        kept = longest[tier.severity, tier.factor]
        if kept is not tier:
            notes.append(f"{tier.name} is left out: {kept.name} fires at the same burn rate with less noise")
    return tuple(longest.values())


def window_text(seconds: int) -> str:
    """A duration as PromQL spells it, in its largest whole unit: 5m, 2h, 3d."""
    for size, letter in ((_DAY, "d"), (_HOUR, "h"), (60, "m")):
        if seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


def _percent(ratio: Decimal) -> str:
    return f"{(ratio * 100).quantize(Decimal('0.1'))} %"
