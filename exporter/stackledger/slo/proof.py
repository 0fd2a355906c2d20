"""Proofs of burn alerts: made-up histories in which a tier must fire, or must not, counted event by event.

Independent of the rules on purpose: it counts integers and compares exact fractions, and knows no PromQL beyond the
spelling of the series that promtool is to load.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from stackledger.catalogue import Matcher
from stackledger.errors import DeclarationError
from stackledger.model.alert import Fires, RuleTest, Silent
from stackledger.model.slo import SLO, EventRatio
from stackledger.promql import Use
from stackledger.slo import names
from stackledger.slo.recording import EVALUATION_SECONDS
from stackledger.slo.tiers import Tier, budget_of, policy

_STEP = f"{EVALUATION_SECONDS}s"
_EVENTS_PER_STEP = 1_000_000  # so many that 2 % of a threshold is thousands of events
_EVENT_STEPS = 40
_CLEAN_SLICES = 360  # three hours
_FEW_CLEAN_SLICES = 40
_LARGE_LIMIT = Fraction(1, 5)  # above it three clean hours would take many bad ones to outweigh
_MOST_SLICES = 2_000
_OFF = Fraction(2, 100)
_BY_VALUE = "promised"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a tier fires: `clear` is False where it depends on whether a window includes its first instant."""

    fires: bool
    clear: bool = True


def judge(tier: Tier, slo: SLO, *, bad: Sequence[int], total: Sequence[int], least: int) -> Verdict:
    """Whether the tier fires after this history: bad and all events of each step, oldest first."""
    answers = {_fires(tier, slo, bad=bad, total=total, least=least, edge=edge) for edge in (0, 1)}
    return Verdict(fires=max(answers), clear=len(answers) == 1)


def _fires(tier: Tier, slo: SLO, *, bad: Sequence[int], total: Sequence[int], least: int, edge: int) -> bool:
    limit = Fraction(tier.factor) * Fraction(budget_of(slo.objective))
    for seconds in (tier.long_seconds, tier.short_seconds):
        steps = seconds // EVALUATION_SECONDS + edge
        events = sum(total[-steps:])
        if not events or Fraction(sum(bad[-steps:]), events) <= limit:
            return False
    return sum(bad[-(tier.long_seconds // EVALUATION_SECONDS + edge) :]) >= least


def proofs(tier: Tier, slo: SLO, least: int) -> tuple[RuleTest, ...]:
    """Cases for promtool: the tier fires a little above its burn rate and stays silent a little below."""
    if isinstance(slo.sli, EventRatio):
        return _event_proofs(tier, slo, slo.sli, least=least)
    return _slice_proofs(tier, slo, least)


# -- events ----------------------------------------------------------------------------------------------------------


def _event_proofs(tier: Tier, slo: SLO, sli: EventRatio, *, least: int) -> tuple[RuleTest, ...]:
    limit = Fraction(tier.factor) * Fraction(budget_of(slo.objective))
    over = min(limit * (1 + _OFF), (limit + 1) / 2)
    cases = [_steady(tier, slo, sli, ratio=ratio, least=least) for ratio in (over, limit * (1 - _OFF))]
    return (*cases, _lone_failure(tier, slo, sli, least=least))


def _steady(tier: Tier, slo: SLO, sli: EventRatio, *, ratio: Fraction, least: int) -> RuleTest:
    bad = round(ratio * _EVENTS_PER_STEP)
    history = [bad] * _EVENT_STEPS, [_EVENTS_PER_STEP] * _EVENT_STEPS
    fires = judge(tier, slo, bad=history[0], total=history[1], least=least).fires
    good_series, bad_series = _series(slo, sli)
    rest = _EVENTS_PER_STEP - bad if _is_part(sli, bad_series) else _EVENTS_PER_STEP
    burn = float(Fraction(bad, _EVENTS_PER_STEP) / Fraction(budget_of(slo.objective)))
    return RuleTest(
        title=f"{tier.name}: a steady burn rate of {burn:.4g} {'fires' if fires else 'is silent'} at {tier.factor}",
        series={
            _spelt(sli.total, good_series): f"0+{rest}x{_EVENT_STEPS}",
            _spelt(sli.bad, bad_series): f"0+{bad}x{_EVENT_STEPS}",
        },
        expect=(_expected(tier, slo, bad_series, fires=fires, steps=_EVENT_STEPS),),
        interval=_STEP,
    )


def _lone_failure(tier: Tier, slo: SLO, sli: EventRatio, *, least: int) -> RuleTest:
    """Hardly any traffic: one failure is a high ratio and still no reason to wake anybody."""
    bad = [0] * (_EVENT_STEPS - 1) + [1]
    fires = judge(tier, slo, bad=bad, total=[1] * _EVENT_STEPS, least=least).fires
    good_series, bad_series = _series(slo, sli)
    return RuleTest(
        title=f"{tier.name}: one failure in little traffic",
        series={
            _spelt(sli.total, good_series): f"0+1x{_EVENT_STEPS}",
            _spelt(sli.bad, bad_series): f"0x{_EVENT_STEPS - 1} 1",
        },
        expect=(_expected(tier, slo, bad_series, fires=fires, steps=_EVENT_STEPS),),
        interval=_STEP,
    )


def _series(slo: SLO, sli: EventRatio) -> tuple[dict[str, str], dict[str, str]]:
    """Labels of a series of good events (or of all) and of one of bad events, that the SLI's selectors tell apart."""
    by = {label.name: _BY_VALUE for label in slo.by}
    bad_use, total_use = _use(sli.bad.selector), _use(sli.total.selector)
    bad = by | _meeting(slo, (*bad_use.matchers, *total_use.matchers), by)
    if bad_use.sample != total_use.sample:
        bad = by | _meeting(slo, bad_use.matchers, by)
    by = {name: bad[name] for name in by}  # a selector may demand a value of a label that the promise is made by
    good = by | _meeting(slo, total_use.matchers, by)
    if bad_use.sample == total_use.sample:
        for matcher in bad_use.matchers:
            if matcher.label.name not in good:
                good[matcher.label.name] = _failing(slo, matcher)
    return good, bad


def _is_part(sli: EventRatio, bad_labels: Mapping[str, str]) -> bool:
    """Whether the bad series is itself among the series that the total counts."""
    bad, total = _use(sli.bad.selector), _use(sli.total.selector)
    return bad.sample == total.sample and all(_meets(m, bad_labels.get(m.label.name, "")) for m in total.matchers)


def _meeting(slo: SLO, matchers: Iterable[Matcher[Any]], given: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for matcher in matchers:
        name = matcher.label.name
        tried = [found.get(name) or given.get(name, ""), *_candidates(matcher)]
        found[name] = _first(slo, matcher, (value for value in tried if _meets(matcher, value)))
    return {name: value for name, value in found.items() if value}


def _failing(slo: SLO, matcher: Matcher[Any]) -> str:
    return _first(slo, matcher, (value for value in ("good", "0", "x", matcher.value) if not _meets(matcher, value)))


def _first(slo: SLO, matcher: Matcher[Any], values: Iterable[str]) -> str:
    for value in values:
        return value
    raise DeclarationError(
        f"SLO {slo.name!r}: no example value found for {matcher}, so its alerts cannot be proved; use alternatives "
        "of plain words"
    )


def _candidates(matcher: Matcher[Any]) -> list[str]:
    if matcher.op == "=":
        return [matcher.value]
    if matcher.op != "=~":
        return ["other", "0"]
    words = matcher.value.strip("()").split("|")
    plain = [re.sub(r"\[([^\]^])[^\]]*\]", r"\1", word) for word in words]
    return [re.sub(r"\.[+*]?", "0", word).replace("\\d", "0").rstrip("+*?") for word in plain]


def _meets(matcher: Matcher[Any], value: str) -> bool:
    if matcher.op in ("=", "!="):
        return (value == matcher.value) == (matcher.op == "=")
    return bool(re.fullmatch(matcher.value, value)) == (matcher.op == "=~")


def _use(use: Use | None) -> Use:
    if use is None:
        raise DeclarationError("an SLI of events is made of selectors")
    return use


def _spelt(vector: Any, labels: Mapping[str, str]) -> str:
    return spelling(_use(vector.selector).sample, labels)


def spelling(sample: str, labels: Mapping[str, str]) -> str:
    """A series as the exposition spells it."""
    inner = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{sample}{{{inner}}}"


# -- time slices -----------------------------------------------------------------------------------------------------


def _slice_proofs(tier: Tier, slo: SLO, least: int) -> tuple[RuleTest, ...]:
    """A clean history, then so many bad slices in a row that the tier just fires, and just not.

    All tiers share one history, as long as the last one needs, so that it is replayed only once.
    """
    clean = _clean_slices(slo)
    ends = {
        each.name: _boundary(each, slo, least, clean=clean) for each in policy(slo.objective, slo.window_days).tiers
    }
    longest = max(firing for _, firing in ends.values())
    silent, firing = ends[tier.name]
    labels = {label.name: _BY_VALUE for label in slo.by} | {"slo": slo.name}
    case = RuleTest(
        title=f"{tier.name}: silent after {silent} bad slices in a row, fires after {firing}",
        series={
            spelling(names.KNOWN_SLICE.name, labels): f"1x{clean + longest - 1}",
            spelling(names.BAD_SLICE.name, labels): f"0x{clean - 1} 1x{longest - 1}",
        },
        expect=tuple(
            _expected(tier, slo, labels, fires=count == firing, steps=clean + count - 1) for count in (silent, firing)
        ),
        interval=_STEP,
    )
    return (case,)


def _boundary(tier: Tier, slo: SLO, least: int, *, clean: int) -> tuple[int, int]:
    """The most bad slices in a row after which the tier is surely silent, and the fewest after which it surely fires.

    Raises DeclarationError when that cannot be had.
    """
    firing = silent = -1
    for count in range(_MOST_SLICES):
        verdict = judge(tier, slo, bad=[0] * clean + [1] * count, total=[1] * (clean + count), least=least)
        if verdict.clear and verdict.fires:
            firing = count
            break
        if verdict.clear:
            silent = count
    if min(firing, silent) < 0:
        raise DeclarationError(f"SLO {slo.name!r}: {tier.name} cannot be made to fire; raise the objective")
    return silent, firing


def _clean_slices(slo: SLO) -> int:
    """How long the clean past is."""
    plan = policy(slo.objective, slo.window_days)
    large = any(Fraction(tier.factor * plan.budget) > _LARGE_LIMIT for tier in plan.tiers)
    return _FEW_CLEAN_SLICES if large else _CLEAN_SLICES


def _expected(tier: Tier, slo: SLO, series: Mapping[str, str], *, fires: bool, steps: int) -> Fires | Silent:
    at = f"{steps * EVALUATION_SECONDS}s"
    if not fires:
        return Silent(at)
    by = {label.name: series[label.name] for label in slo.by}
    return Fires(at, ({**by, "slo": slo.name, "window": tier.long},))
