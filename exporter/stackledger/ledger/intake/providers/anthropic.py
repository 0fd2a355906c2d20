"""Anthropic's messages, also through Bedrock, Vertex AI and Azure. input_tokens leave both kinds of cache out.

Facts: the types of the `anthropic` package 2.14 (Usage, CacheCreation, ServerToolUsage, OutputTokensDetails). With
context compaction the totals leave out the compacting calls, which `iterations` lists among all of them.
"""

from __future__ import annotations

from stackledger.ledger.buckets import Usage
from stackledger.ledger.event import Reason
from stackledger.ledger.intake.arithmetic import ReadingError, remainder, whole
from stackledger.ledger.intake.providers.reading import Body


def read_messages(usage: Body, _provider: str) -> Usage:
    """The usage of one message."""
    rounds = usage.parts("iterations") or [usage]
    short, long = _written(usage, _sum(rounds, "cache_creation_input_tokens"))
    thinking = usage.part("output_tokens_details").count("thinking_tokens")
    output = _sum(rounds, "output_tokens")
    return Usage(
        input_uncached=_sum(rounds, "input_tokens"),
        cache_read=_sum(rounds, "cache_read_input_tokens"),
        cache_write_5m=short,
        cache_write_1h=long,
        output=remainder(output, {"thinking_tokens": thinking}, of="output_tokens", path=usage.path),
        reasoning=thinking,
        web_search=usage.part("server_tool_use").count("web_search_requests"),
    )


def _sum(rounds: list[Body], name: str) -> int:
    return whole(sum(one.count(name) for one in rounds), f"{rounds[0].path}.{name}")


def _written(usage: Body, total: int) -> tuple[int, int]:
    ages = usage.part("cache_creation")
    short, long = ages.told("ephemeral_5m_input_tokens"), ages.told("ephemeral_1h_input_tokens")
    if short is None and long is None:
        return total, 0
    short, long = short or 0, long or 0
    if "cache_creation_input_tokens" in usage and not usage.parts("iterations") and short + long != total:
        raise ReadingError(
            Reason.IMPOSSIBLE_COUNT,
            f"{ages.path}: {short} for 5 minutes and {long} for an hour do not make cache_creation_input_tokens "
            f"of {total}.",
        )
    # Of several rounds only the sum is known by age; what the ages do not cover is taken as short-lived.
    return max(short, total - long), long
