"""The stand-in of the models' APIs answers as documented, counts what it answered, and gives the same numbers again."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from lab.llm import history
from lab.llm.agreement import differences
from lab.llm.draws import Asked, Draws, Used
from lab.llm.standin import ANSWER, Count, Standin

KEY = {"Authorization": "Bearer any"}
ASK = [{"role": "user", "content": "Well?"}]


@pytest.fixture
def standin():
    with Standin(seed=7) as started:
        yield started


def post(standin: Standin, path: str, body: dict[str, Any], **options: Any) -> httpx.Response:
    return httpx.post(standin.url + path, json=body, trust_env=False, **{"headers": KEY, "timeout": 10} | options)


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_chat_counts_the_caches_among_the_prompt(standin) -> None:
    usage = post(standin, "/v1/chat/completions", {"model": "gpt-4.1-mini", "messages": ASK, "user": "ann"}).json()[
        "usage"
    ]
    count = standin.counted()["ann", "gpt-4.1-mini-2025-04-14"]
    assert count.calls == 1
    assert usage["prompt_tokens"] == count.used.fresh + count.used.cached
    assert usage["prompt_tokens_details"]["cached_tokens"] == count.used.cached
    assert usage["total_tokens"] == count.used.input + count.used.output


@pytest.mark.parametrize("wanted", [True, False])
def test_a_stream_of_chat_tells_usage_last_and_only_when_asked(standin, wanted) -> None:
    options = {"stream_options": {"include_usage": True}} if wanted else {}
    chunks = events(post(standin, "/v1/chat/completions", {"model": "x", "messages": ASK, "stream": True, **options}))
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]).strip() == ANSWER
    told = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    assert len(told) == wanted
    assert not wanted or chunks[-1]["usage"]["completion_tokens"] == standin.counted()["", "x"].used.output


def test_messages_leave_the_caches_out_of_the_input(standin) -> None:
    system = [{"type": "text", "text": "Rules", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    body = {"model": "claude-haiku-4-5", "max_tokens": 50, "messages": ASK, "system": system}
    body |= {"metadata": {"user_id": "ann"}, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    usage = post(standin, "/v1/messages", body).json()["usage"]
    used = standin.counted()["ann", "claude-haiku-4-5"].used
    assert (usage["input_tokens"], usage["cache_creation"]["ephemeral_1h_input_tokens"]) == (used.fresh, used.kept_hour)
    assert used.kept_hour > 0, "the first call finds nothing in the cache"
    assert used.output <= 50
    assert usage["server_tool_use"]["web_search_requests"] == used.searches > 0


def test_a_stream_of_messages_tells_the_output_twice_and_the_last_is_all_of_it(standin) -> None:
    told = events(
        post(standin, "/v1/messages", {"model": "claude", "max_tokens": 900, "messages": ASK, "stream": True})
    )
    first = next(one["message"]["usage"] for one in told if one["type"] == "message_start")
    last = next(one["usage"] for one in told if one["type"] == "message_delta")
    assert first["output_tokens"] < last["output_tokens"] == standin.counted()["", "claude"].used.output


@pytest.mark.parametrize(
    ("path", "headers", "status"), [("/v1/messages", {}, 401), ("/v1/none", KEY, 404), ("/v1/responses", {}, 401)]
)
def test_what_is_refused_is_not_counted(standin, path, headers, status) -> None:
    assert post(standin, path, {"model": "x"}, headers=headers).status_code == status
    assert standin.counted() == {}


def test_it_is_busy_at_times_and_says_when_to_come_again() -> None:
    with Standin(busy_every=2) as standin:
        answers = [post(standin, "/v1/responses", {"model": "x", "input": "?"}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 429, 200, 429]
        assert answers[1].headers["retry-after-ms"] == "20"
        assert standin.counted()["", "x"].calls == 2


def test_numbers_depend_on_the_seed_and_not_on_the_order_of_users() -> None:
    asked, one, other, third = Asked(automatic_cache=True), Draws(1), Draws(1), Draws(2)
    first = {user: one.next(user, "gpt-5.2", asked) for user in ("ann", "ben")}
    assert {user: other.next(user, "gpt-5.2", asked) for user in ("ben", "ann")} == first
    assert third.next("ann", "gpt-5.2", asked) != first["ann"]


def test_a_difference_of_one_token_is_found() -> None:
    counted = {("ann", "x"): Count(2, Used(fresh=10, answered=3)), ("ben", "x"): Count(1, Used(fresh=1))}
    row = {"user": "ann", "model": "x", "events": 2, "tokens": {"input_uncached": 10, "output": 4, "requests": 2}}
    assert [line.split(":")[0] for line in differences(counted, [row])] == ["ann x", "ben x"]


@pytest.mark.parametrize("now", [datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 10, 31, 9, tzinfo=UTC)])
def test_history_covers_last_month_and_six_weeks_and_nothing_to_come(now) -> None:
    made = list(history.events(now))
    days = Counter(event["time"][:10] for event in made)
    assert len({event["id"] for event in made}) == len(made) > 2_000
    assert max(event["time"] for event in made) < now.isoformat()
    first = datetime.fromisoformat(min(days)).date()
    assert first == history.first_day(now.date())
    assert first.day == 1 or (now.date() - first).days == 43
    assert len(days) == (now.date() - first).days + 1
    assert list(history.events(now)) == made
