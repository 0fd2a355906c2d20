"""What a bill's own words mean: who sends it, which model, and in which bucket of ours its units are.

One table of patterns. Sources: AWS, "Understanding your Cost and Usage Reports data for Amazon Bedrock" (usage types
as USE1-Claude4.6Sonnet-cache-read-input-token-count, one line for each kind of token); OpenAI, GET
/v1/organization/costs grouped by line_item ("gpt-4o-2024-08-06, input"); Anthropic, GET /v1/organizations/cost_report
grouped by description ("Claude Sonnet 4 Usage - Input Tokens", "Web Search Usage"); Azure's retail meters ("gpt 4o
0806 Inp glbl Tokens", "cchd Inp"); Google Cloud's SKU descriptions ("Gemini 2.5 Flash Text Input - Predictions").
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from stackledger.ledger.prices.vendors import vendor

_SENDERS: Final = {
    "amazon web services": "aws",
    "amazon web services, inc.": "aws",
    "amazon bedrock": "aws",
    "microsoft": "azure",
    "microsoft azure": "azure",
    "google cloud": "google",
    "google cloud platform": "google",
    "google": "google",
    "openai, llc": "openai",
    "anthropic, pbc": "anthropic",
    "mistral ai": "mistral",
    "xai": "x-ai",
}
"""Names on bills, in lower case."""


def sender(name: str) -> str:
    """The price book's name of who sends a bill, or was called."""
    plain = name.strip().lower()
    return _SENDERS.get(plain) or vendor(plain, ())


class Meaning(NamedTuple):
    """A model as the bill names it (it may be empty, where a price is for any model), and a bucket."""

    model: str
    bucket: str


_BEDROCK: Final = re.compile(
    r"^(?:[A-Z]{2,4}\d{0,2}-)?(?P<model>.+?)-(?:mantle-)?"
    r"(?P<kind>(?:cache-(?:read|write)(?:-1h|-5m)?-)?(?:input|output)(?:-tokens?)(?:-count)?)"
    r"(?:-(?:batch|flex|priority|standard|cross-region-global|cross-region-geo|geo|global|1h))*$"
)
_ANYHOW: Final = re.IGNORECASE
_COMMA: Final = re.compile(r"^(?:evals \| )?(?P<model>[^,|]+?)\s*,\s*(?P<kind>[^,|]*(?:input|output)[^,|]*)$", _ANYHOW)
_DESCRIBED: Final = re.compile(r"^(?P<model>Claude .+?) Usage - (?P<kind>.*(?:Input|Output) Tokens.*)$", _ANYHOW)
_SEARCHES: Final = re.compile(r"^(?P<model>)(?P<kind>Web Search)\b.*$", _ANYHOW)
_AZURE: Final = re.compile(
    r"^(?:Azure OpenAI - |Az-)?(?P<model>.+?)[ -]"
    r"(?P<kind>(?:(?:cchd|cached|cd)[ -])?(?:inp|input|outp|outpt|opt|output))\b"
    r"(?:[ -](?:glbl|global|gl|regnl|regional|rgnl|data zone|dz|dzone|batch|pp))*(?:[ -]1[KM])?(?:[ -]Tokens?)?$",
    _ANYHOW,
)
_GEMINI: Final = re.compile(
    r"^(?P<model>(?:Gemini|Gemma|Claude) .+?) (?:GA )?(?P<kind>(?:Text |Cached Text |Thinking Text )?(?:Cached )?"
    r"(?:Input|Output))\b.*$",
    _ANYHOW,
)

PATTERNS: Final = {
    "aws": (_BEDROCK,),
    "openai": (_COMMA,),
    "anthropic": (_DESCRIBED, _SEARCHES),
    "azure": (_AZURE, _COMMA),
    "google": (_GEMINI,),
}
_ANY: Final = (_COMMA, _DESCRIBED)


@lru_cache(4096)
def meaning(provider: str, words: str) -> Meaning | None:
    """What a line's SKU, meter or description means; None where nobody knows."""
    for pattern in PATTERNS.get(provider, _ANY):
        if found := pattern.match(words.strip()):
            return Meaning(found["model"].strip(), bucket_of(found["kind"]))
    return None


def bucket_of(kind: str) -> str:
    """The bucket of a kind of unit in words."""
    told = re.sub(r"\b(?:un|non-?|not )cached", "", kind.lower())
    if "search" in told:
        return "web_search"
    side = "output" if re.search(r"out|opt", told) else "input"
    if "audio" in told:
        return "audio_cache_read" if re.search(r"cach|cchd", told) else f"audio_{side}"
    if "image" in told:
        return f"image_{side}"
    if side == "output":
        return "reasoning" if "reasoning" in told or "thinking" in told else "output"
    if re.search(r"writ|creat", told):
        return "cache_write_1h" if re.search(r"1 ?h", told) else "cache_write_5m"
    return "cache_read" if re.search(r"cach|cchd|cd", told) else "input_uncached"


_TOKENS: Final = re.compile(r"^(?P<many>1k|1000|1,000|k|thousands? of|thousand|1m|1,?000,?000|m|million)?s? ?tokens?$")
_MANY: Final = {"k": 1000, "1k": 1000, "1000": 1000, "thousand": 1000, "thousands of": 1000, "thousand of": 1000}


def tokens_in(unit: str) -> int | None:
    """How many tokens a bill's unit is; None where it is another unit."""
    found = _TOKENS.match(unit.strip().lower())
    if found is None:
        return None
    many = (found["many"] or "").replace(",", "")
    return 1 if not many else _MANY.get(many, 1_000_000)


_WORD: Final = re.compile(r"[a-z]+|\d+")
_NOISE: Final = frozenset(
    (
        "anthropic", "amazon", "meta", "mistral", "openai", "google", "cohere", "us", "eu", "apac", "au", "jp",
        "global", "gov", "v", "ft", "instruct", "latest", "preview",
    )
)  # fmt: skip
_DATE: Final = re.compile(r"\d{4}-?\d{2}-?\d{2}|\b(?:0[1-9]|1[0-2])[0-3]\d\b")  # also 0806, as Azure and OpenAI write
_VERSION: Final = re.compile(r"-v\d+(?::\d+)?$|@.*$")


@lru_cache(16_384)
def fingerprint(model: str) -> tuple[str, ...]:
    """What of a model's name is the same in an id, a SKU and a description, without a date.

    Its numbers in order, and all its letters: where words begin is told by dashes, blanks, capitals or nothing.
    """
    plain = _VERSION.sub("", _DATE.sub("", model.lower().rsplit("/", 1)[-1]))
    words = [word for word in _WORD.findall(plain) if word not in _NOISE]
    return (*(word for word in words if word.isdigit()), "".join(sorted("".join(filter(str.isalpha, words)))))
