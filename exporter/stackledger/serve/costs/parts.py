"""What the pages of cost share: amounts, counts, tables of parts, the month chooser, the frame of a page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from stackledger import money
from stackledger.ledger.views import Group, Reach, Row, Tally
from stackledger.serve.costs.markup import Child, Markup, el, join

_STYLE: Final = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
_MONTHS_SHOWN: Final = 36
NOBODY: Final = "(not told)"
"""Stands where a call does not say it."""


def usd(tally: Tally) -> Markup:
    """What calls cost, or "unknown" where none of them has a price: unknown is never 0."""
    if is_unknown(tally):
        return el("span", "unknown", class_="bad")
    return amount(int(tally.cost))


def is_unknown(tally: Tally) -> bool:
    """Whether no call among them has a price."""
    return bool(tally.events) and tally.unpriced == tally.events and not int(tally.cost)


def amount(pico: int) -> Markup:
    """An amount to the cent, its exact value for programs and on hover; below a cent the exact value itself."""
    exact = money.exact(pico)
    shown = money.cents(pico)
    return el("data", exact if pico and not shown.strip("-0.") else shown, value=exact, title=f"exactly {exact} USD")


def dollars(value: float) -> str:
    """An estimate in whole USD, below ten with cents: more digits would look like knowledge."""
    return f"{value:,.2f}" if abs(value) < 10 else f"{value:,.0f}"  # noqa: PLR2004 - ten dollars


def count(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number:,} {one if number == 1 else many}"


def calls(number: int) -> str:
    """A number of calls."""
    return count(number, "call", "calls")


def without_price(tally: Tally) -> Markup | None:
    """The mark beside an amount in which some calls are missing."""
    if not tally.unpriced:
        return None
    return el("span", f"+ {calls(tally.unpriced)} without a price", class_="mark bad")


def share(pico: int, whole: int) -> str:
    """A part of a whole in percent."""
    return f"{float(Fraction(100 * pico, whole)):.1f} %" if whole > 0 else ""


def name_of(keys: Sequence[str]) -> str:
    """A row's name: its keys, those that are told."""
    return " / ".join(key for key in keys if key) or NOBODY


def group_table(title: str, group: Group, whole: Tally, *, links: Mapping[str, str] | None = None) -> Markup:
    """The parts of a total, each with a bar, its cost, its share, its calls and its tokens."""
    body = [_part(row, whole, _longest(group), links) for row in group.rows]
    if group.others:
        body.append(_part(Row((f"{group.others:,} others",), group.rest), whole, _longest(group), None))
    if not body:
        return el("p", "No calls.", class_="quiet")
    head = el("tr", el("th", title, scope="col"), el("th", "USD", scope="col", class_="number"))
    return el("table", el("thead", head), el("tbody", body), class_="parts")


def _longest(group: Group) -> int:
    return max([1, *(int(row.tally.cost) for row in group.rows), int(group.rest.cost)])


def _part(row: Row, whole: Tally, longest: int, links: Mapping[str, str] | None) -> Markup:
    name, tally, cost = name_of(row.keys), row.tally, int(row.tally.cost)
    width = max(0.0, float(Fraction(100 * cost, longest)))
    target = (links or {}).get(row.keys[0])
    of_whole = "" if is_unknown(tally) else share(cost, int(whole.cost))
    told = " · ".join(text for text in (of_whole, calls(tally.events), f"{tally.tokens:,} tokens") if text)
    missing = el("span", f" · {tally.unpriced:,} without a price", class_="bad") if tally.unpriced else None
    bar = el("svg", el("rect", width=f"{width:.2f}%", height="100%"), class_="bar", aria_hidden="true")
    label = el("a", name, href=target) if target else join(name)
    return el(
        "tr",
        el("th", el("div", label, class_="name"), bar, el("div", told, missing, class_="quiet"), scope="row"),
        el("td", usd(tally), class_="number"),
    )


def table(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], *, numbers: Collection[int] | None = None
) -> Markup:
    """A plain table that scrolls within itself where it is too wide. A row of one cell is a heading of those below it.

    `numbers` are the places of numbers; by default all but the first.
    """
    right = numbers if numbers is not None else range(1, len(heads))

    def cells(tag: str, row: Sequence[Child]) -> list[Markup]:
        if len(row) == 1:
            return [el("th", row[0], colspan=len(heads), scope="rowgroup", class_="heading")]
        return [
            el(tag, cell, class_="number" if place in right else None, scope="col" if tag == "th" else None)
            for place, cell in enumerate(row)
        ]

    body = [el("tr", cells("td", row)) for row in rows]
    whole = el("table", el("caption", caption), el("thead", el("tr", cells("th", heads))), el("tbody", body))
    return el("div", whole, class_="scroll", tabindex="0", role="region", aria_label=caption)


# -- the frame -------------------------------------------------------------------------------------------------------


def user_url(user: str, month: date | None = None) -> str:
    """The page of a user, whatever stands in the id."""
    told = urlencode({"month": f"{month:%Y-%m}"}) if month else ""
    if in_no_path(user):
        return f"/costs/users?{urlencode(user_field(user))}{'&' if told else ''}{told}"
    return f"/costs/users/{quote(user, safe='')}{'?' if told else ''}{told}"


def in_no_path(user: str) -> bool:
    """Whether the id has to be asked for as a field."""
    return user.strip(".") == "" or "\n" in user or "\r" in user


def user_field(user: str) -> dict[str, str]:
    """The field of an id that no path can hold: quoted, for a form's fields lose a lone newline."""
    return {"id": quote(user, safe="")}


def month_chooser(chosen: date, now_us: int, reached: Reach, zone: ZoneInfo, **kept: str) -> Markup:
    """A form that asks for another month: those that have calls, and the chosen one."""
    today = datetime.fromtimestamp(now_us / 1e6, zone).date()
    names = {f"{one:%Y-%m}" for one in _months(min(reached.oldest or today, today), today)} | {f"{chosen:%Y-%m}"}
    options = [el("option", name, value=name, selected=name == f"{chosen:%Y-%m}") for name in sorted(names)[::-1]]
    hidden = [el("input", type="hidden", name=name, value=value) for name, value in kept.items()]
    return el(
        "form",
        hidden,
        el("label", "Month ", el("select", options, name="month")),
        el("button", "Show", type="submit"),
        class_="chooser",
    )


def _months(first: date, last: date) -> Iterator[date]:
    month = last.replace(day=1)
    for _ in range(_MONTHS_SHOWN):
        yield month
        if month <= first:
            return
        month = (month - timedelta(days=1)).replace(day=1)


def moment(at_us: int, zone: ZoneInfo) -> str:
    """An instant in the zone of the page."""
    return f"{datetime.fromtimestamp(at_us / 1e6, zone):%Y-%m-%d %H:%M}"


def section(title: str, *children: Child, wide: bool = False) -> Markup:
    """A part of a page."""
    return el("section", el("h2", title), *children, class_="wide" if wide else None)


def page(title: str, *body: Child, crumbs: Sequence[tuple[str, str]] = (), again_seconds: int = 0) -> str:
    """A whole page. `crumbs` are links above its title, each a name and an address."""
    trail = [el("a", name, href=address) for name, address in (("All targets", "/"), *crumbs)]
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("title", title),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="refresh", content=str(again_seconds)) if again_seconds else None,
        el("link", rel="icon", href="data:,"),
        Markup(f"<style>{_STYLE}</style>"),
    )
    return "<!doctype html>" + el(
        "html", head, el("body", el("nav", trail), el("main", el("h1", title), *body)), lang="en"
    )
