"""Bills beside estimates: a card for each provider, whether a month is closed, and which part of a bill is a user's."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from stackledger import money
from stackledger.ledger.bills.asking import BillsReply, MonthBills, Share
from stackledger.ledger.bills.verdict import GOOD, Verdict, by_provider, summed, verdict, verdict_of_all
from stackledger.ledger.reconcile.answers import AccountTold, coverage
from stackledger.ledger.reconcile.compare import NO_BILL
from stackledger.ledger.reconcile.values import WORDS, Cause
from stackledger.ledger.views import MOST
from stackledger.serve.costs import parts
from stackledger.serve.costs.markup import Child, Markup, el, join

ESTIMATE: Final = "The amounts are estimates: the units of every call times the price that held when it was made."
_COLOURS: Final = {
    Verdict.MATCHES: "good",
    Verdict.EXPLAINED: "good",
    Verdict.TOLERATED: "good",
    Verdict.UNEXPLAINED: "bad",
    Verdict.PROVISIONAL: "part",
    Verdict.NO_BILL: "part",
}
_FIRST: Final = 6
"""Providers that have a card on the page of a month, the largest; all of them are on the page of its bills."""


class Seen(NamedTuple):
    """What a page knows of a month's bills. `reply` is None where nobody answered."""

    reply: BillsReply | None
    tolerance_percent: Fraction

    @property
    def month(self) -> MonthBills | None:
        """The comparison, where there is one."""
        return self.reply.bills if self.reply is not None else None

    def verdict(self, one: AccountTold) -> Verdict:
        """In one word."""
        return verdict(one, self.tolerance_percent)


def bills_section(seen: Seen, zone: ZoneInfo) -> Markup:
    """The part of a month's page that answers whether it matches the bill."""
    month = seen.month
    if month is None:
        return parts.section("Does it match the bill?", el("p", not_yet(seen)))
    shown: list[Child] = []
    providers = sorted(by_provider(month.comparison.accounts).values(), key=lambda ours: -size(summed(ours)))
    foreign = without_rate(month)
    if month.refused:
        shown.append(el("p", month.refused))
    elif not nothing_billed(month):
        cards = [account_card(ours, ours[0].provider, seen) for ours in providers[:_FIRST]]
        shown.append(el("div", cards, class_="budgets"))
        if more := len(providers) - len(cards):
            shown.append(
                el("p", f"{parts.count(more, 'provider', 'providers')} more, with smaller bills, not shown here.")
            )
    elif foreign:
        shown.append(el("p", ESTIMATE))
    else:
        shown.append(el("p", el("strong", "No bill yet."), f" {ESTIMATE}"))
    shown += [el("p", one) for one in foreign]
    href = f"/costs/bills?month={month.first:%Y-%m}"
    name = f"The bills of {month.first:%B %Y}, line by line"
    when = None if month.refused else compared(month, zone)
    shown += [el("p", closed(month, zone)), el("p", el("a", name, href=href), ". ", when)]
    return parts.section("Does it match the bill?", *shown, wide=True)


def not_yet(seen: Seen) -> str:
    """What is said while there is no comparison."""
    if seen.reply is None:
        return "The comparison with the bills is not to be had at the moment: ask again, the ledger's log tells why."
    return "The bills of this month are being compared with our estimates: ask again in a moment."


def nothing_billed(month: MonthBills) -> bool:
    """Whether no bill in USD, or converted to it, is for any account."""
    return all(one.status == NO_BILL for one in month.comparison.accounts)


def without_rate(month: MonthBills) -> list[str]:
    """What is billed in currencies that cannot be compared: there is a bill, though no account has one."""
    return [
        f"{money.cents(int(amount))} {name} are billed, but costs.rates has no rate of {name} that holds."
        for name, amount in month.comparison.other_currencies.items()
    ]


def compared(month: MonthBills, zone: ZoneInfo) -> Markup:
    """Of when the comparison is, and whose days it has."""
    days = "" if zone.key == "UTC" else f", not those of {zone.key}"
    return join(f"Compared at {parts.moment(month.now_us, zone)} by the bills' days, of UTC{days}.")


def closed(month: MonthBills, zone: ZoneInfo) -> Markup:
    """Whether the month is closed, and what stands in whose name."""
    if month.broken:
        return el("span", month.broken, class_="bad")
    if not month.statements:
        command = el("code", f"stackledger costs close {month.first:%Y-%m} --config FILE --dry-run")
        return join("Not closed: ", command, " shows the checklist; with --token-file in its place it is signed.")
    first, last = month.statements[0], month.statements[-1]
    told = f"Closed by {first.signed} ({first.role}) at {parts.moment(first.made_us, zone)} with statement 1"
    if last is not first:
        told += f"; the last of {last.number} statements is by {last.signed} at {parts.moment(last.made_us, zone)}"
    return join(f"{told}, SHA-256 ", el("code", last.sha256), ".")


def size(one: AccountTold) -> int:
    """By which the largest are chosen: pico-USD."""
    return max(abs(int(one.billed)), abs(int(one.estimated)))


def account_card(accounts: Sequence[AccountTold], name: str, seen: Seen) -> Markup:
    """What is billed beside what we estimate, in a word whether it fits, and why it differs: of an account, or of some.

    The amounts of several are sums, in which causes of both signs may meet; their word is that of the worst.
    """
    one, word = summed(accounts), verdict_of_all(accounts, seen.tolerance_percent)
    billed, estimated = int(one.billed), int(one.estimated)
    facts = [el("li", _swatch("s0"), "billed ", parts.amount(billed))] if word is not Verdict.NO_BILL else []
    facts.append(el("li", _swatch("rest"), "our estimate ", parts.amount(estimated)))
    if word is not Verdict.NO_BILL:
        facts.append(el("li", "difference ", signed(billed - estimated)))
        facts += [el("li", *_cause(cause, amount)) for cause, amount in one.causes.items()]
    return el(
        "article",
        el("h3", name or parts.NOBODY, " ", el("span", word, class_=f"state {_COLOURS[word]}")),
        _bars(billed, estimated, word),
        el("ul", facts),
        el("p", _status(one, len(accounts)), class_="quiet"),
        class_="budget bill",
    )


def _status(one: AccountTold, accounts: int) -> str:
    """How final the bill is and how much of it our calls account for. Each of several accounts counts its own days."""
    days = parts.count(one.days_used, *(("day", "days") if accounts == 1 else ("account-day", "account-days")))
    if one.status == NO_BILL:
        return f"No bill for {days} with calls."
    share = coverage(one)
    told = f"{one.status}; billed on {one.days_billed} of {days} with calls"
    return told + ("" if share is None else f"; our calls account for {share} % of what is billed for usage")


def signed(pico: int) -> Markup:
    """A difference with its sign."""
    return el("span", "+" if pico > 0 else "", parts.amount(pico))


def _cause(cause: str, amount: str) -> list[Child]:
    bad = cause == Cause.UNEXPLAINED
    return [el("span", WORDS[Cause(cause)], class_="bad" if bad else None), " ", signed(int(amount))]


def _swatch(colour: str) -> Markup:
    return el("span", class_=f"swatch {colour}", aria_hidden="true")


def _bars(billed: int, estimated: int, word: Verdict) -> Markup:
    full = max(1, billed, estimated)

    def width(amount: int) -> str:
        return f"{float(Fraction(100 * max(0, amount), full)):.2f}%"

    told = f"billed {money.cents(billed)}, our estimate {money.cents(estimated)}"
    if word is Verdict.NO_BILL:
        told = f"no bill, our estimate {money.cents(estimated)}"
    return el(
        "svg",
        el("title", told),
        el("rect", width="100%", y=2, height=14, class_="track"),
        el("rect", width=width(billed), y=2, height=14, class_="s0"),
        el("rect", width="100%", y=20, height=14, class_="track"),
        el("rect", width=width(estimated), y=20, height=14, class_="rest"),
        class_="bill-bars",
        width="100%",
        height=36,
        role="img",
        aria_label=told,
    )


def person_card(seen: Seen, shares: Sequence[Share], user: str) -> Markup:
    """Which part of what a user cost is on bills that are final and fit."""
    month = seen.month
    if month is None or month.refused:
        return _person_card("Not known", [el("p", month.refused if month else not_yet(seen), class_="quiet")])
    if not shares:
        return _person_card("No calls on any bill", [])
    accounts = {(one.provider, one.account): one for one in month.comparison.accounts}
    found = [(accounts.get((one.provider, one.account)), one) for one in shares]
    if all(account is None or account.status == NO_BILL for account, _ in found):
        foreign = without_rate(month)
        head = "Not known" if foreign else "No bill yet"
        return _person_card(head, [el("p", one, class_="quiet") for one in (*foreign, ESTIMATE)])
    whole = sum(int(one.tally.cost) for one in shares)
    fits = sum(int(one.tally.cost) for account, one in found if account and seen.verdict(account) in GOOD)
    unknown = any(one.tally.unpriced for one in shares)
    head = "Yes" if fits == whole and not unknown else "In part" if fits else "Not yet"
    told = [el("p", parts.amount(fits), " of ", parts.amount(whole), " USD are on bills that are final and fit.")]
    found.sort(key=lambda each: -int(each[1].tally.cost))
    told.append(el("ul", [_share(seen, account, one, user) for account, one in found[:MOST]], class_="shares"))
    if more := len(found[MOST:]):
        told.append(el("p", f"{parts.count(more, 'account', 'accounts')} more, with less of it.", class_="quiet"))
    href = f"/costs/bills?month={month.first:%Y-%m}"
    told.append(el("p", "Days of UTC, as bills have them. ", el("a", "The bills", href=href), class_="quiet"))
    return _person_card(head, told)


def _person_card(head: Child, told: list[Markup]) -> Markup:
    label = el("div", "Does it match the bill?", class_="label")
    return el("div", label, el("div", head, class_="big"), *told, class_="card", id="card-bill")


def _share(seen: Seen, account: AccountTold | None, share: Share, user: str) -> Markup:
    name = el("strong", f"{share.provider} {share.account}".strip() or parts.NOBODY)
    mine = join(parts.usd(share.tally), f" of it is {user} ", parts.without_price(share.tally))
    if account is None or account.status == NO_BILL:
        ours = parts.amount(int(account.estimated if account else share.tally.cost))
        return el("li", name, " ", el("span", "no bill yet", class_="state part"), ": our estimate ", ours, "; ", mine)
    word = seen.verdict(account)
    both = join("billed ", parts.amount(int(account.billed)), ", our estimate ", parts.amount(int(account.estimated)))
    rest = join(", explained to ", parts.amount(int(account.unexplained)))
    final = rest if word is not Verdict.PROVISIONAL else None
    return el("li", name, " ", el("span", word, class_=f"state {_COLOURS[word]}"), ": ", both, final, "; ", mine)
