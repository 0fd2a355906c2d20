"""Budgets as bars: what is used, how much of the period is over, where it leads, and in one word whether it holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from stackledger import money
from stackledger.ledger.budgets.budget import Budget
from stackledger.ledger.budgets.status import BudgetStatus
from stackledger.serve.costs import parts
from stackledger.serve.costs.markup import Markup, el


class Verdict(NamedTuple):
    """Whether a budget holds: a word and how it is coloured."""

    word: str
    colour: str


def verdict(budget: BudgetStatus) -> Verdict:
    """Whether it holds. Calls without a price may break any budget, so it never holds for certain with some."""
    limit = int(budget.amount)
    if int(budget.spent) + int(budget.held) >= limit:
        return Verdict("used up", "bad")
    if budget.expected is None or budget.low is None or budget.high is None:
        return Verdict("too early to tell", "part")
    usd = money.to_float(limit)
    if budget.low > usd:
        return Verdict("will not hold", "bad")
    if budget.expected > usd:
        return Verdict("probably will not hold", "bad")
    if budget.unpriced:
        return Verdict("holds, as far as priced", "part")
    return Verdict("probably holds", "part") if budget.high > usd else Verdict("holds", "good")


def budgets(statuses: Sequence[BudgetStatus], configured: Sequence[Budget], zone: ZoneInfo) -> Markup:
    """Every budget in its current period, whatever month is chosen."""
    if not configured:
        text = "There are none: add `budgets` to the section `costs` of the configuration."
        return parts.section("Budgets", el("p", text, class_="quiet"))
    known = {status.name: status for status in statuses}
    shown = [_budget(known[one.name], one, zone) if one.name in known else _not_yet(one.name) for one in configured]
    key = "Filled: spent and set aside. Grey: where it ends, with nine chances in ten, if days go on as they did."
    return parts.section("Budgets", el("div", shown, class_="budgets"), el("p", key, class_="quiet"), wide=True)


def _not_yet(name: str) -> Markup:
    return el("article", el("h3", name), el("p", "Not computed yet: ask again in a moment.", class_="quiet"))


def selector(budget: Budget) -> str:
    """Which calls count, in words. Users are counted, not named: this page is open to those who may not see people."""
    if not budget.where:
        return "all calls"
    told = []
    for name, values in budget.where.items():
        if name == "user":
            told.append(parts.count(len(values), "user", "users"))
        else:
            told.append(f"{name} " + " or ".join(value or parts.NOBODY for value in values))
    return "calls of " + ", ".join(told)


def _budget(budget: BudgetStatus, set_as: Budget, zone: ZoneInfo) -> Markup:
    word, colour = verdict(budget)
    limit, spent, held = int(budget.amount), int(budget.spent), int(budget.held)
    used = 100 * (spent + held) / limit
    facts = [
        el("li", parts.amount(spent), " spent", *([", ", parts.amount(held), " set aside"] if held else [])),
        el("li", f"{used:.1f} % used, {100 * budget.elapsed:.1f} % of the {budget.cadence} over"),
    ]
    if budget.expected is not None and budget.low is not None and budget.high is not None:
        low, high = parts.dollars(budget.low), parts.dollars(budget.high)
        facts.append(el("li", f"forecast {parts.dollars(budget.expected)} at the end (9 in 10: {low} to {high})"))
    if budget.unpriced:
        facts.append(el("li", f"{parts.calls(budget.unpriced)} without a price not in it", class_="bad"))
    if budget.contributors:
        first = budget.contributors[0]
        name = f"most of it: {first.attribute} {first.value or parts.NOBODY}, "
        facts.append(el("li", name, parts.amount(int(first.cost))))
    kind = "hard: reservations beyond it are refused" if budget.hard else "soft: it tells and refuses nothing"
    return el(
        "article",
        el("h3", budget.name, " ", el("span", word, class_=f"state {colour}")),
        el("p", el("strong", parts.amount(limit), " USD"), f" each {budget.cadence} for {selector(set_as)}"),
        _bar(budget, colour),
        el("ul", facts),
        el("p", f"{budget.first} to {budget.last}, days of {zone.key} · {kind}", class_="quiet"),
        class_="budget",
    )


def _bar(budget: BudgetStatus, colour: str) -> Markup:
    """Used so far as a filled bar, the forecast's interval as a pale one, the limit and the time as marks."""
    limit = money.to_float(int(budget.amount))
    spent = money.to_float(int(budget.spent) + int(budget.held))
    full = max(limit, spent, budget.high or 0.0) * 1.04

    def at(value: float) -> str:
        return f"{100 * max(0.0, value) / full:.2f}%"

    reach = []
    if budget.low is not None and budget.high is not None:
        reach = [el("rect", x=at(budget.low), width=at(budget.high - budget.low), y=16, height=14, class_="reach")]
    now = at(budget.elapsed * limit)
    used = f"{100 * spent / limit:.0f} % used, {100 * budget.elapsed:.0f} % of the time over"
    return el(
        "svg",
        el("title", used),
        el("rect", x="0", width=at(limit), y=16, height=14, class_="track"),
        reach,
        el("rect", x="0", width=at(spent), y=16, height=14, class_=f"fill {colour}"),
        el("line", x1=at(limit), x2=at(limit), y1=12, y2=34, class_="limit"),
        el("line", x1=now, x2=now, y1=12, y2=34, class_="time"),
        el("text", "limit", x=at(limit), y=46, class_="end"),
        el("text", "time", x=now, y=9, class_="middle"),
        class_="budget-bar",
        width="100%",
        height=50,
        role="img",
        aria_label=used,
    )
