"""What vendors bill, pulled from a local server that answers in the documented shape."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from stackledger.clock import SystemClock
from stackledger.errors import AuthError, ConnectError, ProtocolError, ReadTimeoutError
from stackledger.ledger.buckets import Usage
from stackledger.ledger.pulls import anthropic, openai
from stackledger.ledger.pulls.http import HttpFetch
from stackledger.ledger.pulls.puller import Puller
from stackledger.ledger.pulls.values import OTHERS, Billed
from tests.integration.ledger.vendor import Vendor

FIRST = date(2026, 10, 1)
COSTS = {"openai": openai.COSTS, "anthropic": anthropic.COSTS}


class Quick(SystemClock):
    """A clock that never waits and remembers for how long it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def _pull(vendor: Vendor, report: Any, days: int, *, key: str = "admin-key", clock: Any = None) -> Any:
    async def pull() -> Any:
        async with HttpFetch(vendor.address) as fetch:
            puller = Puller(fetch, lambda: key, clock or Quick())
            ask = puller.usage if "usage" in report.path else puller.costs
            return await ask(report, FIRST, FIRST + timedelta(days=days))

    return asyncio.run(pull())


def _total(lines: list[Billed], day: date) -> int:
    return sum(line.amount for line in lines if line.day == day)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_costs_come_page_by_page_and_cents_are_not_dollars(vendor: Vendor, name: str) -> None:
    for n in range(70):
        vendor.costs[FIRST + timedelta(days=n)] = {
            ("p1", "model a"): Decimal("1.2345"),
            ("", "model b"): Decimal("0.06"),
        }
    lines = _pull(vendor, COSTS[name], 70)
    assert len(lines) == 140
    assert {line.amount for line in lines} == {1_234_500_000_000, 60_000_000_000}
    assert {line.currency for line in lines} == {"USD"}
    assert [(line.account, line.words) for line in lines[:2]] == [("p1", "model a"), ("", "model b")]
    assert all("page" not in dict(pairs) or dict(pairs)["page"].startswith("page_") for _, pairs in vendor.asked)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_groups_that_are_left_out_become_a_line_so_that_days_sum_to_their_total(vendor: Vendor, name: str) -> None:
    vendor.costs[FIRST] = {("p", f"model {n}"): Decimal("0.01") for n in range(130)}
    vendor.costs[FIRST + timedelta(days=1)] = {("p", "model 1"): Decimal(2)}
    lines = _pull(vendor, COSTS[name], 2)
    assert _total(lines, FIRST) == 1_300_000_000_000
    assert [line.amount for line in lines if line.words == OTHERS] == [300_000_000_000]


def test_usage_is_in_our_buckets_which_never_overlap(vendor: Vendor) -> None:
    vendor.usage[FIRST] = [
        {
            "input_tokens": 1000, "output_tokens": 60, "num_model_requests": 7, "model": "gpt-5", "batch": False,
            "input_cached_tokens": 300, "input_cache_write_tokens": 100, "input_cache_write_12h_tokens": 40,
            "input_text_tokens": 500, "input_audio_tokens": 80, "input_image_tokens": 20,
            "input_cached_text_tokens": 250, "input_cached_audio_tokens": 50, "input_cached_image_tokens": 0,
            "output_text_tokens": 50, "output_audio_tokens": 10, "output_image_tokens": 0,
        },
        {"input_tokens": 1000, "output_tokens": 60, "num_model_requests": 1, "input_cached_tokens": 300, "model": None},
    ]  # fmt: skip
    full, plain = _pull(vendor, openai.USAGE[0], 1)
    assert (full.day, full.model, full.account) == (FIRST, "gpt-5", "")
    assert full.usage == Usage(
        input_uncached=500, audio_input=80, image_input=20, cache_read=250, audio_cache_read=50, cache_write_5m=60,
        cache_write_1h=40, output=50, audio_output=10, requests=7,
    )  # fmt: skip
    assert (plain.model, plain.usage) == ("", Usage(input_uncached=700, cache_read=300, output=60, requests=1))
    vendor.usage[FIRST] = [{"input_tokens": 1, "output_tokens": 0, "num_model_requests": 1, "input_cached_tokens": 2}]
    with pytest.raises(ProtocolError, match="contradict"):
        _pull(vendor, openai.USAGE[0], 1)
    vendor.usage[FIRST] = [
        {
            "uncached_input_tokens": 10, "cache_read_input_tokens": 20, "output_tokens": 5, "model": "claude",
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
            "server_tool_use": {"web_search_requests": 2}, "workspace_id": None,
        }
    ]  # fmt: skip
    (one,) = _pull(vendor, anthropic.USAGE[0], 1)
    assert one.usage == Usage(
        input_uncached=10, cache_read=20, cache_write_5m=3, cache_write_1h=4, output=5, web_search=2, requests=0
    )
    assert (one.model, one.account) == ("claude", "")


def test_a_vendor_that_asks_to_wait_is_waited_for_and_one_that_refuses_is_told(vendor: Vendor) -> None:
    vendor.costs[FIRST] = {("p", "a"): Decimal(1)}
    clock = Quick()
    vendor.failures = [(429, "17"), (503, ""), (529, "")]
    assert len(_pull(vendor, openai.COSTS, 1, clock=clock)) == 1
    assert clock.waits == [17.0, 4.0, 8.0]
    vendor.failures = [(503, "")] * 6
    with pytest.raises(ReadTimeoutError):
        _pull(vendor, openai.COSTS, 1)
    with pytest.raises(AuthError) as told:
        _pull(vendor, openai.COSTS, 1, key="wrong-secret")
    assert "wrong-secret" not in str(told.value)
    with pytest.raises(AuthError, match="a character that no header can carry") as told:
        _pull(vendor, openai.COSTS, 1, key="\ufeffsecret")
    assert (told.value.__cause__, told.value.__suppress_context__) == (None, True)
    vendor.failures = [(404, "")]
    with pytest.raises(ProtocolError, match="404"):
        _pull(vendor, openai.COSTS, 1)
    vendor.stop()
    with pytest.raises(ConnectError):
        _pull(vendor, openai.COSTS, 1)


_BUCKET = (
    b'{"data": [{"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z", "results": [%s]}],'
    b' "has_more": false}'
)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (openai.read_costs, b'{"data": [], "has_more": true}'),
        (openai.read_costs, b'{"data": [{"start_time": 5, "results": [{"amount": {"value": 1}}]}], "has_more": false}'),
        (
            openai.read_costs,
            b'{"data": [{"start_time": 0, "results": [{"amount": {"value": "x"}}]}], "has_more": false}',
        ),
        (
            openai.read_costs,
            b'{"data": [{"start_time": 0, "results": [{"amount": {"value": 1e99}}]}], "has_more": false}',
        ),
        (openai.read_usage, b'{"error": "secret words"}'),
        (anthropic.read_costs, b"secret words"),
        (
            anthropic.read_costs,
            _BUCKET % b'{"amount": "1,00", "currency": "USD"}',
        ),
        (
            anthropic.read_usage,
            _BUCKET % b'{"output_tokens": -1}',
        ),
    ],
)
def test_what_is_not_in_the_documented_shape_is_refused(read: Any, body: bytes) -> None:
    with pytest.raises(ProtocolError) as told:
        read(body)
    assert "secret words" not in str(told.value)


def test_numbers_are_read_as_the_decimals_that_stand_there() -> None:
    lines_told = (
        b'{"amount": {"value": 0.06, "currency": "eur"}}',
        b'{"amount": {"value": 1e-7}}',
        b'{"amount": {"value": -3e-999999999}}',
        b'{"amount": {"value": 123456789012.123456789}}',
        b'{"amount": null}',
    )
    body = b'{"data": [{"start_time": 0, "results": [%s]}], "has_more": false}' % b", ".join(lines_told)
    lines = openai.read_costs(body).values
    assert [(line.amount, line.currency) for line in lines] == [
        (60_000_000_000, "EUR"), (100_000, "USD"), (0, "USD"), (123_456_789_012_123_456_789_000, "USD"),
    ]  # fmt: skip
