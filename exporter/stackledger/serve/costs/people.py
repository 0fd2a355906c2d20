"""The pages /costs/users and /costs/users/ID: who costs most, and what one user cost, on what, at which rates."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from stackledger import money
from stackledger.ledger.asking import PeopleReply, PersonReply
from stackledger.ledger.explain import Call, Correction, Explanation, UsedRate
from stackledger.ledger.periods import local_date, month_named
from stackledger.ledger.views import MOST, Month, Tally, added
from stackledger.serve.costs import parts
from stackledger.serve.costs.chart import cost_chart
from stackledger.serve.costs.markup import Child, Markup, el, join
from stackledger.serve.costs.overview import chosen_days, total_card, units

_CRUMB = ("Cost", "/costs")
_MILLION = 1_000_000


def search(find: str, month: str) -> Markup:
    """The box in which a user's id is typed."""
    return el(
        "form",
        el("label", "User ", el("input", type="search", name="find", value=find, maxlength="200")),
        el("input", type="hidden", name="month", value=month),
        el("button", "Find", type="submit"),
        action="/costs/users",
        class_="chooser",
    )


def people_page(reply: PeopleReply, find: str, zone: ZoneInfo) -> str:
    """Who costs most, of all users or of those whose id holds what is looked for."""
    month = f"{reply.first:%Y-%m}"
    known = added([*(row.tally for row in reply.users.rows), reply.users.rest])
    whole = known if find else added([known, reply.nobody])
    links = {row.keys[0]: parts.user_url(row.keys[0], reply.first) for row in reply.users.rows}
    number = len(reply.users.rows) + reply.users.others
    notes = [f"{parts.count(number, 'user', 'users')} with calls in {reply.first:%B %Y}."]
    if find and not reply.matches:
        notes = [f"No user's id holds {find!r}."]
    if reply.hashed:
        notes.append("The ledger keeps hashes of ids: type the whole id as the application knows it, or a hash.")
    return parts.page(
        f"Users whose id holds {find}" if find else "Cost by user",
        el(
            "div",
            search(find, month),
            parts.month_chooser(reply.first, reply.now_us, reply.reach, zone, find=find),
            class_="bar-of-choices",
        ),
        chosen_days(reply.first, reply.last, zone),
        el("div", [total_card(f"{reply.first:%B %Y}", whole, id_="card-chosen")], class_="cards"),
        el("p", " ".join(notes)),
        parts.group_table("User", reply.users, whole, links=links),
        _nobody(reply.nobody) if not find else None,
        crumbs=[_CRUMB],
    )


def _nobody(tally: Tally) -> Markup | None:
    if not tally.events:
        return None
    return el("p", parts.usd(tally), f" USD of {parts.calls(tally.events)} that tell no user.", class_="quiet")


def stranger_page(user: str, *, hashed: bool) -> str:
    """No such user."""
    told = " It keeps hashes: type the whole id as the application knows it, or the whole hash." if hashed else ""
    return parts.page(
        "No such user",
        el("p", "The ledger has no call of a user ", el("strong", user), f".{told}"),
        search(user, ""),
        el("p", el("a", "All users of this month", href="/costs/users")),
        crumbs=[_CRUMB, ("Users", "/costs/users")],
    )


def person_page(
    reply: PersonReply, month: Month, told: Explanation, user: str, zone: ZoneInfo, *, bill: Markup
) -> str:  # fmt: skip
    """One user's month; `bill` is the card that says whether it matches the bill."""
    today, name, whole = local_date(reply.now_us, zone), f"{month.first:%B %Y}", month.whole
    kept = [one for one in reply.kept if one != user]
    field = parts.user_field(user) if parts.in_no_path(user) else {}
    tables = [("model", "Model"), ("feature", "Feature"), ("team", "Team")]
    return parts.page(
        f"User {user}",
        el("p", f"Kept in the ledger as {', '.join(kept)}.", class_="quiet") if kept else None,
        el("div", [total_card(name, whole, id_="card-chosen"), bill], class_="cards"),
        el("div", parts.month_chooser(month.first, reply.now_us, reply.reach, zone, **field), class_="bar-of-choices"),
        chosen_days(month.first, month.last, zone),
        cost_chart(month.chart, today, zone.key),
        el(
            "div",
            [parts.section(f"By {one}", parts.group_table(title, month.groups[one], whole)) for one, title in tables],
            parts.section("By month", _months(reply, user)),
            class_="columns",
        ),
        parts.section("What is not priced", _unpriced(told)),
        parts.section(f"The rates of {name}", *_rates(told), wide=True),
        parts.section("The calls that cost most", _calls(told.examples, zone), wide=True),
        parts.section("Tokens and other units", units(month)),
        crumbs=[_CRUMB, ("Users", f"/costs/users?month={month.first:%Y-%m}")],
    )


def _months(reply: PersonReply, user: str) -> Markup:
    """The months since the ledger has calls; before that nothing is known."""
    oldest = f"{reply.reach.oldest:%Y-%m}" if reply.reach.oldest else ""
    body: list[list[Child]] = [
        [
            el("a", row.keys[0], href=parts.user_url(user, month_named(row.keys[0])[0])),
            parts.usd(row.tally),
            f"{row.tally.events:,}",
            f"{row.tally.tokens:,}",
            f"{row.tally.unpriced:,}" if row.tally.unpriced else "",
        ]
        for row in reply.months
        if row.keys[0] >= oldest
    ]
    since = f"; the ledger's first call is of {reply.reach.oldest}" if reply.reach.oldest else ""
    return parts.table(f"Cost by month{since}", ["Month", "USD", "Calls", "Tokens", "Without a price"], body)


def _unpriced(told: Explanation) -> Markup:
    if not told.unpriced:
        said = "Every call of this month has a price." if told.calls else "There are no calls in this month."
        return el("p", said, class_="good" if told.calls else "quiet")
    reasons = [
        el("li", f"{parts.calls(rate.calls)}: {rate.unpriced}", class_="bad") for rate in told.rates if rate.unpriced
    ]
    if more := len(reasons[MOST:]):
        reasons = [*reasons[:MOST], el("li", f"{parts.count(more, 'reason', 'reasons')} more.", class_="bad")]
    calls = parts.calls(told.unpriced)
    return join(el("p", f"{calls} without a price: their cost is unknown, not zero."), el("ul", reasons))


def _rates(told: Explanation) -> list[Markup]:
    """Units times rates, which sum to the total; and the corrections since."""
    rows: list[list[Child]] = [row for rate in told.rates if not rate.unpriced for row in _rate(rate)]
    if not rows and not told.corrections:
        return [el("p", "No priced calls.", class_="quiet")]
    rows += [
        [_correction(one), parts.calls(one.calls), "", money.exact(one.after - one.before)] for one in told.corrections
    ]
    rows.append([el("strong", "Sum"), "", "", el("strong", money.exact(told.cost))])
    heads = ["Bucket", "Units", "USD a million", "USD, exactly"]
    return [
        parts.table("Units times rates", heads, rows),
        el("ul", [el("li", line) for line in _bases(told.rates)], class_="quiet"),
    ]


def _rate(rate: UsedRate) -> list[list[Child]]:
    rows: list[list[Child]] = [[el("span", f"{rate.line}, {parts.calls(rate.calls)}", class_="wrap")]]
    for part in rate.parts:
        if part.cost:
            bucket, each = part.bucket.replace("_", " "), money.exact(part.pico_usd * _MILLION)
            rows.append([bucket, f"{part.units:,}", each, money.exact(part.cost)])
    return rows


def _correction(one: Correction) -> str:
    return f"Correction {one.number}: {one.cause}"


def _bases(rates: Sequence[UsedRate]) -> list[str]:
    """Where each rate comes from."""
    lines = [f"{rate.line}: {rate.basis}, book {rate.book}" for rate in rates if not rate.unpriced]
    return list(dict.fromkeys(lines))


def _used(call: Call) -> str:
    return ", ".join(f"{n:,} {bucket.replace('_', ' ')}" for bucket, n in call.usage.items() if bucket != "requests")


def _calls(examples: Sequence[Call], zone: ZoneInfo) -> Markup:
    if not examples:
        return el("p", "No calls.", class_="quiet")
    rows: list[list[Child]] = [
        [
            parts.moment(one.ts_us, zone),
            el("span", "unknown", class_="bad") if one.cost is None else money.exact(one.cost),
            f"{one.provider} / {one.model}",
            el("span", one.id, class_="wrap"),
            el("span", _used(one), class_="wrap"),
        ]
        for one in examples
    ]
    heads = ["When", "USD, exactly", "Model", "Call", "Units"]
    return parts.table(f"Calls, times of {zone.key}", heads, rows, numbers=(1,))
