"""Bedrock's Converse, and Cohere.

Facts: TokenUsage and CacheDetail in the API reference of Amazon Bedrock's runtime; Usage, UsageBilledUnits and
ApiMetaBilledUnits in the `cohere` package 7.3.
"""

from __future__ import annotations

from stackledger.ledger.buckets import Usage
from stackledger.ledger.event import Reason
from stackledger.ledger.intake.arithmetic import ReadingError, Totals, divide
from stackledger.ledger.intake.providers.reading import Body


def read_converse(usage: Body, _provider: str) -> Usage:
    """Bedrock's Converse, and Nova's invoke: inputTokens leave both kinds of cache out."""
    written = usage.count("cacheWriteInputTokens", "cacheWriteInputTokenCount")
    ages: dict[str, int] = {}
    for part in usage.parts("cacheDetails"):
        age = part.text("ttl")
        ages[age] = ages.get(age, 0) + part.count("inputTokens")
    long = ages.get("1h", 0)
    if ages and sum(ages.values()) != written:
        raise ReadingError(
            Reason.IMPOSSIBLE_COUNT,
            f"{usage.path}.cacheDetails make {sum(ages.values())}, not cacheWriteInputTokens of {written}.",
        )
    return Usage(
        input_uncached=usage.count("inputTokens"),
        cache_read=usage.count("cacheReadInputTokens", "cacheReadInputTokenCount"),
        cache_write_5m=written - long,
        cache_write_1h=long,
        output=usage.count("outputTokens"),
    )


def read_cohere(usage: Body, _provider: str) -> Usage:
    """Cohere bills `billed_units`, which is less than the `tokens` that were read; a search unit is a request."""
    if "billed_units" in usage:
        billed = usage.part("billed_units")
        return Usage(
            input_uncached=billed.count("input_tokens"),
            output=billed.count("output_tokens"),
            image_input=billed.count("image_tokens"),
            pages=billed.count("pages"),
            requests=billed.count("search_units") or 1,
        )
    tokens = usage.part("tokens")
    totals = Totals(input=tokens.count("input_tokens"), output=tokens.count("output_tokens"))
    totals.cached = usage.count("cached_tokens")
    return divide(totals, usage.path)
