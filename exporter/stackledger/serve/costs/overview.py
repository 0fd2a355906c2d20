"""The page /costs: what was spent, on what, by which teams, and whether the budgets hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from stackledger.ledger.asking import OverviewReply, Span
from stackledger.ledger.budgets.budget import Budget
from stackledger.ledger.periods import local_date
from stackledger.ledger.views import Month, Tally
from stackledger.serve.costs import parts
from stackledger.serve.costs.bills import Seen, bills_section
from stackledger.serve.costs.budgets import budgets
from stackledger.serve.costs.chart import cost_chart
from stackledger.serve.costs.markup import Markup, el, join
from stackledger.serve.costs.per_user import active_user

_SPANS: Final = {"today": "Today", "yesterday": "Yesterday", "month": "This month", "last_month": "Last month"}
_GROUPS: Final = {"team": "Team", "model": "Model", "feature": "Feature", "environment": "Environment"}


def overview_page(
    reply: OverviewReply, zone: ZoneInfo, organisation: str, configured: Sequence[Budget], seen: Seen
) -> str:
    """The page. `configured` are the budgets of the configuration, `seen` is what is known of the month's bills."""
    month, today = reply.month, local_date(reply.now_us, zone)
    whole = month.whole
    return parts.page(
        f"{organisation}: cost of calls to models",
        *_head(reply, zone),
        cost_chart(month.chart, today, zone.key),
        bills_section(seen, zone),
        budgets(reply.state.budgets, configured, zone),
        parts.section("What does an active user cost?", active_user(reply.state.per_user)),
        el(
            "div",
            [
                parts.section(f"By {name}", parts.group_table(title, month.groups[name], whole))
                for name, title in _GROUPS.items()
            ],
            class_="columns",
        ),
        parts.section("What is not priced", _unpriced(month)),
        parts.section("Tokens and other units", units(month)),
        parts.section("How current this is", _currency(reply, zone)),
    )


def _head(reply: OverviewReply, zone: ZoneInfo) -> list[Markup]:
    month = reply.month
    cards = [_card(span, reply.users.get(span.name)) for span in reply.spans]
    name = f"{month.first:%B %Y}"
    if all(span.first != month.first or span.last != month.last for span in reply.spans):
        cards.append(_card(Span(name, month.first, month.last, month.whole), None))
    return [
        el("div", cards, class_="cards"),
        el(
            "div",
            parts.month_chooser(month.first, reply.now_us, reply.reach, zone),
            el("p", f"Below: {name}. ", el("a", "Cost by user", href=f"/costs/users?month={month.first:%Y-%m}")),
            class_="bar-of-choices",
        ),
        el("p", f"All amounts in USD, estimated from prices; days of {zone.key}.", class_="quiet"),
    ]


def _card(span: Span, users: int | None) -> Markup:
    told = parts.calls(span.tally.events) + (f" · {parts.count(users, 'user', 'users')}" if users else "")
    days = f"{span.first}" if span.first == span.last else f"{span.first} to {span.last}"
    return el(
        "div",
        el("div", _SPANS.get(span.name, span.name), class_="label"),
        el("div", parts.usd(span.tally), el("span", " USD", class_="unit"), class_="big"),
        parts.without_price(span.tally),
        el("div", told, class_="quiet"),
        el("div", f"{span.tally.tokens:,} tokens", class_="quiet"),
        el("div", days, class_="quiet"),
        class_="card",
        id=f"card-{span.name}" if span.name in _SPANS else "card-chosen",
    )


def _unpriced(month: Month) -> list[Markup]:
    if not month.unpriced.rows:
        said = "Every call of this month has a price." if month.whole.events else "There are no calls in this month."
        return [el("p", said, class_="good" if month.whole.events else "quiet")]
    told = [(parts.name_of(row.keys), row.tally) for row in month.unpriced.rows]
    if month.unpriced.others:
        told.append((parts.count(month.unpriced.others, "other", "others"), month.unpriced.rest))
    rows = [[name, f"{tally.unpriced:,}", f"{tally.events:,}"] for name, tally in told]
    return [
        el("p", f"{parts.calls(month.whole.unpriced)} without a price, in no amount on this page.", class_="bad"),
        parts.table("Models with calls without a price", ["Model", "Without a price", "All calls"], rows),
        el(
            "p",
            "Their cost is unknown, not zero. ",
            el("code", f"stackledger costs explain --month {month.first:%Y-%m} --where model=NAME"),
            " says why; once a price is known, ",
            el("code", "stackledger costs reprice"),
            " adds it as a correction.",
        ),
    ]


def units(month: Month) -> Markup:
    """What was used, by bucket."""
    if not month.units:
        return el("p", "No calls.", class_="quiet")
    rows = [[bucket.replace("_", " "), f"{number:,}"] for bucket, number in month.units.items()]
    return parts.table(f"Units in {month.first:%B %Y}", ["Bucket", "Units"], rows)


def _currency(reply: OverviewReply, zone: ZoneInfo) -> Markup:
    state = reply.state
    items = [f"Read at {parts.moment(reply.now_us, zone)} ({zone.key})."]
    if reply.reach.newest_us is not None:
        newest = parts.moment(reply.reach.newest_us, zone)
        items.append(f"The newest call was made in the quarter of an hour from {newest}.")
    if state.waiting:
        age = f"the oldest for {state.waiting_age_seconds:,.0f} s"
        items.append(f"{parts.calls(state.waiting)} accepted and not counted yet, {age}.")
    else:
        items.append("Everything that was accepted is counted.")
    if not state.applying:
        items.append("The ledger cannot take in what waits at the moment; nothing is lost, its log tells why.")
    if refused := state.outcomes.get("refused", 0):
        events = parts.count(refused, "event was", "events were")
        items.append(f"{events} refused since the ledger started: `stackledger costs refused` tells which and why.")
    items.append(f"Prices: book {state.book or 'none'}, {state.book_age_seconds / 86_400:,.0f} days old.")
    return el("ul", [el("li", item) for item in items])


def chosen_days(first: date, last: date, zone: ZoneInfo) -> Markup:
    """Which days a page is about."""
    return el("p", join(f"{first} to {last}, days of {zone.key}. All amounts in USD, estimated from prices."))


def total_card(label: str, tally: Tally, *, id_: str) -> Markup:
    """A big number."""
    return el(
        "div",
        el("div", label, class_="label"),
        el("div", parts.usd(tally), el("span", " USD", class_="unit"), class_="big"),
        parts.without_price(tally),
        el("div", f"{parts.calls(tally.events)} · {tally.tokens:,} tokens", class_="quiet"),
        class_="card",
        id=id_,
    )
