"""A statement as a page to be printed: one file that loads nothing, every amount exactly as it was signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from stackledger import money
from stackledger.ledger.reconcile.values import WORDS, Cause
from stackledger.ledger.statements.facts import Facts
from stackledger.serve.costs.markup import Child, Markup, el, join

_STYLE: Final = Path(__file__).with_name("statement.css").read_text(encoding="utf-8")
_MILLION: Final = 1_000_000


def printable(facts: Facts, sha256: str) -> str:
    """The page. `sha256` is the hash of the statement as JSON, which every form of it shows."""
    title = f"Cost of calls to models: statement {facts['number']} of {facts['month']}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("title", title),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("link", rel="icon", href="data:,"),
        Markup(f"<style>{_STYLE}</style>"),
    )
    body = el("body", el("main", el("h1", title), *_parts(facts, sha256)))
    return "<!doctype html>" + el("html", head, body, lang="en") + "\n"


def _parts(facts: Facts, sha256: str) -> Iterator[Markup]:
    yield _facts(facts, sha256)
    if "changes" in facts:
        yield from _changes(facts)
    yield from _estimate(facts["estimate"])
    yield el("h2", "Bills")
    rows = [[one["kind"], one["source"], one["currency"], _exact(one["billed"])] for one in facts["bills"]]
    yield _table(["Kind", "Source", "Currency", "Billed"], rows, {3}) if rows else el("p", "None.")
    if facts.get("converted"):
        yield el("h2", "Converted to USD")
        heads = ["Currency", "Rate", "Amount", "USD"]
        lines = [
            [one["currency"], one["rate"], _exact(one["amount"]), _exact(one["usd"])] for one in facts["converted"]
        ]
        yield _table(heads, lines, {2, 3})
    yield from _not_compared(facts.get("not_compared", {}))
    for one in facts.get("reconciliation", ()):
        yield from _account(one)
    if "per_user" in facts:
        yield from _per_user(facts["per_user"])
    if "checks" in facts:
        yield from _checks(facts)
    yield el("div", el("div", "Place, date"), el("div", "Signature"), class_="sign")
    yield from _rates(facts["estimate"]["rates"])


def _facts(facts: Facts, sha256: str) -> Markup:
    signed = facts["signed"]
    kafka = f", Kafka {facts['topic']}" if "topic" in facts else ""  # the first statements counted no calls of it
    told = [
        ("Month", f"{facts['month']}, in {facts['zone']}"),
        ("From, until", f"{facts['from']}, {facts['until']} (excluded)"),
        ("Made", facts["made"]),
        ("Signed by", f"{signed['name']} ({signed['role']})"),
        ("Price book", facts["book"]),
        (
            "Counts up to",
            f"inbox {facts['inbox']}{kafka}, correction {facts['correction']}, delivery {facts['delivery']}",
        ),
    ]
    rows = [el("tr", el("th", name, scope="row"), el("td", value)) for name, value in told]
    rows.append(el("tr", el("th", "SHA-256", scope="row"), el("td", el("code", sha256), " of the statement as JSON")))
    if "corrects" in facts:
        before = facts["corrects"]
        rows.append(
            el("tr", el("th", "Corrects", scope="row"), el("td", f"statement {before['number']}, SHA-256 ",
                                                           el("code", before["sha256"])))
        )  # fmt: skip
    return el("table", el("tbody", rows), class_="facts")


def _changes(facts: Facts) -> Iterator[Markup]:
    yield el("h2", "What changed since the last statement")
    rows: list[list[Child]] = [
        [" ".join(filter(None, (one["side"], one["source"]))), one["cause"], one["currency"],
         *(_exact(one[name]) for name in ("before", "after", "difference"))]
        for one in facts["changes"]
    ]  # fmt: skip
    yield _table(["Side", "Cause", "Currency", "Before", "After", "Difference"], rows, {3, 4, 5})


def _estimate(ours: dict[str, Any]) -> Iterator[Markup]:
    yield el("h2", "Our estimate: units of every call times the price that held when it was made")
    rows: list[list[Child]] = [
        [one["provider"], one["model"], one["team"], f"{one['calls']:,}", f"{one['unpriced_calls']:,}",
         _exact(one["estimated_usd"])]
        for one in ours["lines"]
    ]  # fmt: skip
    whole: list[Child] = [
        "All", "", "", f"{ours['calls']:,}", f"{ours['unpriced_calls']:,}", _exact(ours["estimated_usd"]),
    ]  # fmt: skip
    yield _table(["Provider", "Model", "Team", "Calls", "Without a price", "USD"], rows, {3, 4, 5}, whole)
    if ours["unpriced_calls"]:
        yield el("p", "The cost of calls without a price is unknown, not zero; they are in no amount.", class_="quiet")


def _not_compared(left: dict[str, Any]) -> Iterator[Markup]:
    """Nothing of statements that were made before they told it."""
    rows: list[list[Child]] = [
        ["In a currency without a rate", name, _exact(amount)]
        for name, amount in left.get("other_currencies", {}).items()
    ]
    if left.get("lines_for_longer"):
        lines = f"{left['lines_for_longer']:,} lines for more days than the month, not among the bills above"
        rows.append([lines, money.USD, _exact(left["lines_for_longer_usd"])])
    if rows:
        yield el("h2", "Not compared")
        yield _table(["What", "Currency", "Billed"], rows, {2})


def _account(one: dict[str, Any]) -> Iterator[Markup]:
    name = f"{one['provider']} {one['account']}".strip()
    yield el("h2", f"{name}: from our estimate to the bill ({one['status']})")
    rows: list[list[Child]] = [["Our estimate", _exact(one["estimated_usd"])]]
    rows += [[WORDS[Cause(cause)], _exact(amount)] for cause, amount in one["causes_usd"].items()]
    yield _table(["Cause", "USD"], rows, {1}, ["Billed", _exact(one["billed_usd"])])


def _per_user(ours: dict[str, Any]) -> Iterator[Markup]:
    yield el("h2", "Cost per active user")
    why = [f"Not known: {one['words']}" for one in ours["reasons"]]
    yield el("ul", [el("li", line) for line in (*ours["definition"], *ours["notes"], *why)])
    rows: list[list[Child]] = [
        [one["part"], _exact(one["cost_usd"]), _exact(one["per_user_usd"])] for one in ours["parts"]
    ]
    users = "not known" if ours["active_users"] is None else f"{ours['active_users']:,}"
    whole: list[Child] = [f"All, of {users} active users", _exact(ours["cost_usd"]), _exact(ours["per_user_usd"])]
    yield _table(["Part", "USD", "USD a user"], rows, {1, 2}, whole)


def _checks(facts: Facts) -> Iterator[Markup]:
    yield el("h2", "Checklist")
    items = [f"{one['name']}{': ' + one['detail'] if one['detail'] else ''}" for one in facts["checks"]]
    accepted = facts["accepted"]
    items += [f"accepted without a price: {name}" for name in accepted["unpriced"]]
    items += [f"accepted without a final bill: {name}" for name in accepted["bills"]]
    items += [f"accepted without a comparison: {name}" for name in accepted.get("not_compared", ())]
    yield el("ul", [el("li", item) for item in items])


def _rates(rates: Sequence[dict[str, Any]]) -> Iterator[Markup]:
    yield el("h2", "Rates that were applied, USD for a million units")
    rows: list[list[Child]] = []
    for one in rates:
        amounts = {name.replace("_", " "): pico for name, pico in one.get("pico_usd", {}).items() if pico}
        told = ", ".join(f"{name} {money.exact(pico * _MILLION)}" for name, pico in amounts.items())
        rows.append([one.get("line", ""), one.get("basis", ""), one["book"], told or one.get("unpriced", "")])
    yield _table(["Price of", "Basis", "Book", "Rates"], rows, set())


def _exact(amount: str | None) -> Markup:
    return el("span", "unknown") if amount is None else el("data", amount, value=amount)


def _table(
    heads: Sequence[str], rows: Sequence[Sequence[Child]], numbers: set[int], whole: Sequence[Child] = ()
) -> Markup:  # fmt: skip
    def cells(tag: str, row: Sequence[Child]) -> Markup:
        return join(*(el(tag, cell, class_="number" if n in numbers else None) for n, cell in enumerate(row)))

    body = [el("tr", cells("td", row)) for row in rows]
    if whole:
        body.append(el("tr", cells("td", whole), class_="sum"))
    return el("div", el("table", el("thead", el("tr", cells("th", heads))), el("tbody", body)), class_="scroll")
