"""What page and metrics show of the cost per active user: the value, or that it is UNKNOWN; never a part of it."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from stackledger import money
from stackledger.catalogue import metrics_of
from stackledger.collect.snapshot import Part as Samples
from stackledger.domains.cost import per_user_metrics as m
from stackledger.domains.cost.per_user_samples import add_per_user
from stackledger.ledger.per_user.charged import SourceSum
from stackledger.ledger.per_user.definition import Definition, Part, Reason, Source, Why
from stackledger.ledger.per_user.facts import facts_of
from stackledger.ledger.per_user.values import PartTold, PerUserReply
from stackledger.serve.costs.markup import join
from stackledger.serve.costs.per_user import active_user

DEFINITION = Definition("Europe/Berlin", users=Source.PROMETHEUS, query='<script>mau{a="b"}</script>')


def pico(text: str) -> str:
    return str(money.parse(text))


def reply(**changes: Any) -> PerUserReply:
    known = {
        "month": "2026-10", "zone": "Europe/Berlin", "from_us": 1, "until_us": 1_793_487_600_000_000,
        "definition": DEFINITION.words("2026-10"), "users": 4, "users_told": "Prometheus", "calls": 10, "tokens": 0,
        "facts": {
            "llm": "estimate", "infrastructure": "yes", "engineering": "no", "users": "prometheus", "key": "equal",
        },
        "parts": [
            PartTold(Part.LLM_ATTRIBUTED, pico("8"), pico("2"), pico("0.8")),
            PartTold(Part.INFRASTRUCTURE, pico("16"), pico("4"), pico("1.6")),
        ],
        "total": pico("24"), "per_user": pico("6"), "per_request": pico("2.4"), "target": pico("5"),
    }  # fmt: skip
    return PerUserReply(**(known | changes))


UNKNOWN = {
    "reasons": [Why(Reason.NO_BILL, "no bill of <aws>"), Why(Reason.NO_BILL, "nor of b"), Why(Reason.NO_RATE, "EUR")],
    "parts": [PartTold(Part.LLM_ATTRIBUTED, pico("8")), PartTold(Part.INFRASTRUCTURE)],
    "total": None, "per_user": None, "per_request": None,
}  # fmt: skip


def samples(given: PerUserReply) -> dict[str, dict[tuple[str, ...], float]]:
    part = Samples(0.0)
    add_per_user(part, given)
    return {
        metric.name: dict(zip(rows.keys, rows.values, strict=True)) for metric, rows in part.rows.items() if rows.keys
    }


def page(given: PerUserReply | None) -> str:
    return join(active_user(given))


def test_a_known_month_has_its_value_parts_and_definition() -> None:
    shown = page(reply())
    assert re.findall(r'<data value="([^"]*)"', shown) == [
        "6.00", "5.00", "2.00", "8.00", "4.00", "16.00", "6.00", "24.00",
    ]  # fmt: skip
    assert "4 active users" in shown
    assert '<div class="bad">above the target' in shown
    assert "<script>" not in shown
    assert "days of Europe/Berlin" in shown
    assert '<div class="good">within the target' in page(reply(target=pico("6")))
    found = samples(reply())
    assert found["stackledger_cost_per_active_user_usd"] == {("llm_attributed",): 2.0, ("infrastructure",): 4.0}
    assert found["stackledger_cost_loaded_usd"] == {("llm_attributed",): 8.0, ("infrastructure",): 16.0}
    assert found["stackledger_cost_per_active_user_known"] == {("none",): 1}
    assert found["stackledger_cost_active_users"] == {(): 4}
    assert found["stackledger_cost_month_end_timestamp_seconds"] == {(): 1_793_487_600.0}
    assert "stackledger_cost_per_thousand_tokens_usd" not in found  # no tokens: nothing to divide by


def test_an_unknown_month_shows_the_reasons_and_no_amount() -> None:
    shown = page(reply(**UNKNOWN))
    assert re.findall(r'<data value="([^"]*)"', shown) == ["5.00"]  # the target
    for words in ("UNKNOWN", "no bill of &lt;aws&gt;", "nor of b", "How it is defined"):
        assert words in shown
    found = samples(reply(**UNKNOWN))
    assert found.pop("stackledger_cost_per_active_user_known") == {("no_bill",): 0, ("no_rate",): 0}
    assert set(found) == {
        "stackledger_cost_per_active_user_target_usd", "stackledger_cost_per_active_user_info",
        "stackledger_cost_month_end_timestamp_seconds",
    }  # fmt: skip


def test_without_a_definition_and_before_the_first_value_the_page_says_so() -> None:
    nothing = PerUserReply("2026-10", reasons=[Why(Reason.NO_DEFINITION, "nobody defined it")])
    assert "costs.per_user" in page(nothing)
    assert samples(nothing) == {"stackledger_cost_per_active_user_known": {("no_definition",): 0}}
    assert "Not computed yet" in page(None)


def test_series_are_bounded() -> None:
    every = [Why(reason, "x") for reason in Reason]
    found = samples(reply(reasons=every))["stackledger_cost_per_active_user_known"]
    assert len(found) == len(Reason) <= m.PER_USER_KNOWN.budget
    assert all(metric.budget <= len(Reason) + 1 for metric in metrics_of(m))


@pytest.mark.parametrize("changes", [{}, UNKNOWN])
def test_a_reply_survives_the_socket_and_its_facts_are_exact(changes: dict[str, Any]) -> None:
    given = reply(sources=[SourceSum("engineering", "payroll/", "EUR", "5", None, [], "final")], **changes)
    assert msgspec.json.decode(msgspec.json.encode(given), type=PerUserReply) == given
    told = facts_of(given)
    assert told["per_user_usd"] == (None if changes else "6.00")
    assert told["sources"][0]["usd"] is None
    assert told["sources"][0]["amount"] == "0.000000000005"
