"""The page /costs/bills: a month's bills beside our estimates, account by account and line by line."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from zoneinfo import ZoneInfo

from stackledger import money
from stackledger.ledger.bills.asking import MonthBills
from stackledger.ledger.bills.verdict import summed
from stackledger.ledger.reconcile.answers import AccountTold, LineTold
from stackledger.ledger.reconcile.compare import NO_BILL
from stackledger.ledger.reconcile.dispute import explaining
from stackledger.ledger.reconcile.values import WORDS, Cause
from stackledger.ledger.views import MOST
from stackledger.serve.costs import parts
from stackledger.serve.costs.bills import (
    Seen,
    account_card,
    closed,
    compared,
    not_yet,
    nothing_billed,
    signed,
    size,
    without_rate,
)
from stackledger.serve.costs.markup import Child, Markup, el

_CRUMB = ("Cost", "/costs")
_AGAIN_SECONDS = 3


def bills_page(seen: Seen, zone: ZoneInfo) -> str:
    """The page."""
    month = seen.month
    if month is None:
        again = _AGAIN_SECONDS if seen.reply is not None else 0
        return parts.page("Bills", el("p", not_yet(seen)), crumbs=[_CRUMB], again_seconds=again)
    name = f"{month.first:%B %Y}"
    return parts.page(
        f"Bills of {name}",
        None if month.refused else el("div", _cards(month), class_="cards"),
        el(
            "div",
            parts.month_chooser(month.first, month.now_us, month.reach, zone),
            el("p", el("a", f"What was spent in {name}", href=f"/costs?month={month.first:%Y-%m}")),
            class_="bar-of-choices",
        ),
        *([el("p", month.refused, class_="bad")] if month.refused else _comparison(seen, month, zone)),
        parts.section("Statements", el("p", closed(month, zone)), _statements(month, zone), wide=True),
        crumbs=[_CRUMB],
    )


def _comparison(seen: Seen, month: MonthBills, zone: ZoneInfo) -> list[Markup]:
    """What was found, where anything could be compared: a comparison that was refused knows of no amount."""
    largest = sorted(month.comparison.accounts, key=lambda one: -size(one))
    shown, others = largest[:MOST], largest[MOST:]
    return [
        el("p", "All amounts in USD. ", compared(month, zone), class_="quiet"),
        parts.section("Billed and estimated", _accounts(seen, shown, month), _others(others), wide=True),
        el("div", [_account(one) for one in shown if one.causes], class_="columns"),
        parts.section("The lines that differ most", *_lines(month), wide=True),
        parts.section("Other currencies, and what is not compared", _not_compared(month)),
    ]


def _cards(month: MonthBills) -> list[Markup]:
    accounts = month.comparison.accounts
    billed = sum(int(one.billed) for one in accounts)
    estimated = sum(int(one.estimated) for one in accounts)
    unexplained = sum(int(one.unexplained) for one in accounts)
    told: list[tuple[str, str, Child]] = [("estimated", "Our estimate", parts.amount(estimated))]
    if not nothing_billed(month):
        told = [
            ("billed", "Billed", parts.amount(billed)),
            *told,
            ("difference", "Difference", signed(billed - estimated)),
            ("unexplained", "Unexplained", parts.amount(unexplained)),
        ]
    return [
        el(
            "div",
            el("div", label, class_="label"),
            el("div", shown, el("span", " USD", class_="unit"), class_="big"),
            class_="card",
            id=f"card-{name}",
        )
        for name, label, shown in told
    ]


def _name(one: AccountTold) -> str:
    return f"{one.provider} {one.account}".strip() or parts.NOBODY


def _accounts(seen: Seen, shown: Sequence[AccountTold], month: MonthBills) -> Markup:
    found = month.comparison
    if not shown:
        bill = "a bill that can be compared" if found.other_currencies or found.longer_lines else "a bill"
        return el("p", f"There is neither {bill} nor a call in this month.", class_="quiet")
    return el("div", [account_card([one], _name(one), seen) for one in shown], class_="budgets")


def _others(accounts: Sequence[AccountTold]) -> Markup | None:
    """The accounts that have no card of their own, in one line."""
    if not accounts:
        return None
    rest, told = summed(accounts), parts.count(len(accounts), "account", "accounts")
    if rest.status == NO_BILL:
        return el("p", f"{told} more, without a bill: our estimate ", parts.amount(int(rest.estimated)), ".")
    return el(
        "p",
        f"{told} more, with smaller bills: billed ",
        parts.amount(int(rest.billed)),
        ", our estimate ",
        parts.amount(int(rest.estimated)),
        ", unexplained ",
        parts.amount(int(rest.unexplained)),
        ".",
    )


def _account(one: AccountTold) -> Markup:
    """From our estimate to the bill, cause by cause."""
    causes = {cause: int(amount) for cause, amount in one.causes.items()}
    low, high = min(0, *causes.values()), max(0, *causes.values())
    body = [_row("Our estimate", None, parts.amount(int(one.estimated)))]
    body += [
        _row(WORDS[Cause(cause)], _bar(amount, low, high, bad=cause == Cause.UNEXPLAINED), signed(amount))
        for cause, amount in causes.items()
    ]
    body.append(_row("Billed", None, parts.amount(int(one.billed))))
    head = el("tr", el("th", "Cause", scope="col"), el("th", "USD", scope="col", class_="number"))
    whole = el("table", el("thead", head), el("tbody", body), class_="parts causes")
    return parts.section(f"{_name(one)}: from our estimate to the bill", whole)


def _row(words: str, bar: Markup | None, amount: Markup) -> Markup:
    return el(
        "tr", el("th", el("div", words, class_="name"), bar, scope="row"), el("td", amount, class_="number")
    )  # fmt: skip


def _bar(amount: int, low: int, high: int, *, bad: bool) -> Markup:
    """A bar from nothing to the left or to the right, on one scale with the account's other causes."""

    def at(value: int) -> float:
        return float(Fraction(100 * (value - low), max(1, high - low)))

    zero, left = f"{at(0):.2f}%", at(min(0, amount))
    width = max(0.4, at(max(0, amount)) - left)
    return el(
        "svg",
        el("rect", x=f"{min(left, 99.6):.2f}%", width=f"{width:.2f}%", height="100%", class_="bad" if bad else None),
        el("line", x1=zero, x2=zero, y1=0, y2=8, class_="limit"),
        class_="bar",
        aria_hidden="true",
    )


def _lines(month: MonthBills) -> list[Markup]:
    lines = month.comparison.lines
    if not lines:
        return [el("p", "Nothing was compared." if nothing_billed(month) else "No line differs.", class_="quiet")]
    heads = ["Days", "What", "Our units", "Billed units", "Our estimate", "Billed", "Difference", "Why", "Our calls"]
    told = f"{len(lines):,} of {parts.count(month.differing, 'line', 'lines')} that differ, the largest cause first"
    return [
        parts.table(told, heads, [_line(one) for one in lines], numbers=(2, 3, 4, 5, 6)),
        el(
            "p",
            "The command shows the calls that a line is about, with their rates: all of their units, also those of"
            " other lines. It needs the configuration: ",
            el("code", "--config FILE"),
            ".",
            class_="quiet",
        ),
    ]


def _line(one: LineTold) -> list[Child]:
    days = str(one.first) if one.first == one.last else f"{one.first} to {one.last}"
    what = " ".join(filter(None, (one.provider, one.account, one.model, one.unit.replace("_", " "))))
    estimated, billed = int(one.estimated), int(one.billed)
    why = [
        el("div", el("span", cause.replace("_", " "), class_="bad" if cause == Cause.UNEXPLAINED else None), " ",
           signed(int(amount)))
        for cause, amount in one.causes.items()
    ]  # fmt: skip
    command = explaining(one)
    calls = (
        el("details", el("summary", "command"), el("code", command, class_="wrap"))
        if command
        else el("span", "none of ours", class_="quiet")
    )
    return [
        days, el("span", what, class_="wrap"), money.units(int(one.estimated_units)),
        "" if one.billed_units is None else money.units(int(one.billed_units)),
        parts.amount(estimated), parts.amount(billed),
        signed(billed - estimated), why, calls,
    ]  # fmt: skip


def _not_compared(month: MonthBills) -> Markup:
    found = month.comparison
    told = without_rate(month)
    if found.longer_lines:
        lines = parts.count(found.longer_lines, "line is", "lines are")
        told.append(f"{lines} for more days than the month: {money.cents(int(found.longer_amount))} USD.")
    converted = [
        f"{money.cents(int(one.amount))} {one.currency} are compared as {money.cents(int(one.usd))} USD, {one.rate}."
        for one in found.converted
    ]
    if not told and not converted:
        said = "There is no bill." if nothing_billed(month) else "Every line of the bills is compared."
        return el("p", said, class_="quiet")
    return el("ul", [el("li", one) for one in (*told, *converted)])


def _statements(month: MonthBills, zone: ZoneInfo) -> Markup | None:
    if not month.statements:
        return None
    rows: list[list[Child]] = [
        [
            el("a", f"Statement {one.number}", href=f"/costs/statements/{month.first:%Y-%m}/{one.number}"),
            parts.moment(one.made_us, zone),
            f"{one.signed} ({one.role})",
            el("span", one.cause, class_="wrap"),
            el("code", one.sha256),
        ]
        for one in month.statements
    ]
    heads = ["Statement", "Made", "Signed by", "Cause", "SHA-256"]
    return parts.table(f"Statements of {month.first:%B %Y}, times of {zone.key}", heads, rows, numbers=())
