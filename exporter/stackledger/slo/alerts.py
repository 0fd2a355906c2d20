"""The burn alerts of an SLO as plain `AlertRule` values: one name per SLO, one rule per tier, proofs included."""

from __future__ import annotations

import re

from stackledger.catalogue import Label
from stackledger.model.alert import AlertRule, Severity
from stackledger.model.slo import SLO, EventRatio
from stackledger.promql import above, select
from stackledger.slo import names
from stackledger.slo.board import burn_panel
from stackledger.slo.budget import budget_in_words
from stackledger.slo.names import Slo, Window
from stackledger.slo.proof import proofs
from stackledger.slo.tiers import Tier, policy

LEAST_BAD_EVENTS = 5
"""Fewer failures wake nobody: with five, the simulated false pages at low traffic were gone, at no delay elsewhere."""
LEAST_BAD_SLICES = 2
_HALF = 0.5  # increase() extrapolates: five failures may read as 4.9


def alert_name(slo: SLO) -> str:
    """The name that all tiers of the SLO share: RedisAvailabilityBudgetBurn."""
    return "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", slo.name)) + "BudgetBurn"


def burn_alerts(slo: SLO) -> tuple[AlertRule, ...]:
    """One rule per tier that can fire for this objective and window."""
    return tuple(_alert(slo, tier) for tier in policy(slo.objective, slo.window_days).tiers)


def _alert(slo: SLO, tier: Tier) -> AlertRule:
    least = LEAST_BAD_EVENTS if isinstance(slo.sli, EventRatio) else LEAST_BAD_SLICES
    factor = float(tier.factor)
    burn, count = names.of(names.BURN_RATE, slo.by), names.of(names.BAD_COUNT, slo.by)
    long, short = (select(burn, Slo.eq(slo.name), Window.eq(window)) for window in (tier.long, tier.short))
    failures = select(count, Slo.eq(slo.name), Window.eq(tier.long))
    on: tuple[type[Label], ...] = (Slo, *slo.by)
    condition = above(long, factor).where(above(short, factor), on=on).where(above(failures, least - _HALF), on=on)
    return AlertRule(
        name=alert_name(slo),
        condition=condition,
        hold="0s",
        severity=tier.severity,
        summary=_summary(slo),
        description=_description(slo, tier),
        panel=burn_panel(tier.long_seconds),
        tests=proofs(tier, slo, least),
        team=slo.team,
        labels={"tier": tier.name},
    )


def _summary(slo: SLO) -> str:
    where = " ".join(f"{{{{ $labels.{label.name} }}}}" for label in slo.by)
    return f"{where}: {slo.title} uses its error budget {{{{ $value | humanize }}}} times too fast".removeprefix(": ")


def _description(slo: SLO, tier: Tier) -> str:
    plan = policy(slo.objective, slo.window_days)
    whole = "" if isinstance(slo.sli, EventRatio) else f" ({budget_in_words(1, plan.budget, slo.window_days)} at first)"
    pace = {
        Severity.PAGE: "At this pace the promise is broken within days: find what changed and stop it now.",
    }.get(tier.severity, "The promise will be broken before the window ends: plan the repair this week.")
    return (
        f"{slo.description} Promised: {slo.objective} % over {slo.window_days} days{whole}. "
        f"In the last {tier.long} and in the last {tier.short} the budget was used more than {tier.factor} times "
        f"faster than it lasts; {tier.share:.0%} of it is gone when this fires after a "
        f"clean time. {pace}"
    )
