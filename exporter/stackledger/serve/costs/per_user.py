"""The figure of the page /costs about the last month's fully loaded cost per active user, with its definition."""

from __future__ import annotations

from stackledger.ledger.per_user.definition import PART_WORDS, Reason
from stackledger.ledger.per_user.values import PerUserReply
from stackledger.serve.costs import parts
from stackledger.serve.costs.markup import Markup, el


def active_user(reply: PerUserReply | None) -> list[Markup]:
    """The value and its parts, or that it is UNKNOWN and why; always with the definition."""
    if reply is None:
        return [el("p", "Not computed yet: the ledger has just started.", class_="quiet")]
    if any(one.reason is Reason.NO_DEFINITION for one in reply.reasons):
        told = "Nobody has defined it: a section `costs.per_user` in the configuration does."
        return [el("p", el("strong", "UNKNOWN."), f" {told}")]
    found = [_figure(reply)]
    if not reply.known:
        found.append(el("ul", [el("li", one.words) for one in reply.reasons]))
    else:
        found.append(_parts(reply))
    found += [el("p", one, class_="bad") for one in reply.notes]
    items = [el("li", one) for one in reply.definition]
    return [*found, el("details", el("summary", "How it is defined"), el("ul", items))]


def _figure(reply: PerUserReply) -> Markup:
    if reply.per_user is None:
        value: list[Markup | str] = [el("span", "UNKNOWN", class_="bad")]
    else:
        value = [parts.amount(int(reply.per_user)), el("span", " USD", class_="unit")]
    users = "" if reply.users is None else parts.count(reply.users, "active user", "active users")
    return el(
        "div",
        el("div", f"Cost per active user in {reply.month}", class_="label"),
        el("div", *value, class_="big"),
        el("div", users, class_="quiet"),
        _target(reply),
        class_="card",
        id="card-active-user",
    )


def _target(reply: PerUserReply) -> Markup | None:
    if reply.target is None:
        return None
    told = [" the target of ", parts.amount(int(reply.target)), " USD"]
    if reply.per_user is None:
        return el("div", "Held against", *told, class_="quiet")
    above = int(reply.per_user) > int(reply.target)
    return el("div", "above" if above else "within", *told, class_="bad" if above else "good")


def _parts(reply: PerUserReply) -> Markup:
    def cells(name: str, *amounts: str | None) -> list[Markup | str]:
        return [name, *("" if one is None else parts.amount(int(one)) for one in amounts)]

    rows = [cells(PART_WORDS[one.part], one.per_user, one.amount) for one in reply.parts]
    rows.append(cells("All", reply.per_user, reply.total))
    return parts.table("Cost per active user by part", ["Part", "USD a user", "USD in all"], rows)
