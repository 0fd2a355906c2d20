"""Google's usageMetadata, of the Gemini API and of Vertex AI.

Facts: GenerateContentResponseUsageMetadata in `google-genai` 3.6. promptTokenCount contains the cached tokens;
candidatesTokenCount leaves the thoughts out; toolUsePromptTokenCount is beside the prompt and billed as input.
"""

from __future__ import annotations

import re
from typing import Final

from stackledger.ledger.buckets import Usage
from stackledger.ledger.event import Reason
from stackledger.ledger.intake.arithmetic import ReadingError, Totals, divide, remainder
from stackledger.ledger.intake.providers.reading import Body

MARKS: Final = (
    "promptTokenCount", "candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount",
    "candidates_token_count", "total_token_count", "thoughts_token_count",
)  # fmt: skip
"""By one of these the shape is known. Python's client writes the names with underscores."""

_IMAGES: Final = ("IMAGE", "DOCUMENT")  # a page of a document is read as an image


def read_metadata(usage: Body, _provider: str) -> Usage:
    """The usage of one generation; also the Live API's, which says "response" for "candidates"."""
    usage = _camel(usage)
    prompt, cached = _by_kind(usage, "promptTokensDetails"), _by_kind(usage, "cacheTokensDetails")
    tools = _by_kind(usage, "toolUsePromptTokensDetails")
    answer = _by_kind(usage, "candidatesTokensDetails", "responseTokensDetails")
    thoughts = usage.count("thoughtsTokenCount")
    if "promptTokenCount" not in usage and usage.count("totalTokenCount"):
        raise ReadingError(Reason.UNKNOWN_SHAPE, f"{usage.path} has a total but no promptTokenCount: send it whole.")
    totals = Totals(
        input=usage.count("promptTokenCount") + usage.count("toolUsePromptTokenCount"),
        cached=usage.count("cachedContentTokenCount"),
        audio=prompt.get("AUDIO", 0) + tools.get("AUDIO", 0),
        image=sum(prompt.get(kind, 0) + tools.get(kind, 0) for kind in _IMAGES),
        # No bucket holds cached video by itself, so it stays among the cached tokens.
        video=remainder(
            prompt.get("VIDEO", 0) + tools.get("VIDEO", 0),
            {"cached video": cached.get("VIDEO", 0)},
            of="video count",
            path=usage.path,
        ),
        audio_cached=cached.get("AUDIO", 0),
        image_cached=sum(cached.get(kind, 0) for kind in _IMAGES),
        output=usage.count("candidatesTokenCount", "responseTokenCount") + thoughts,
        reasoning=thoughts,
        audio_output=answer.get("AUDIO", 0),
        image_output=sum(answer.get(kind, 0) for kind in _IMAGES),
        video_output=answer.get("VIDEO", 0),
    )
    return divide(totals, usage.path)


def traffic(usage: Body) -> str:
    """Google's name for how it was served."""
    return usage.text("trafficType", "traffic_type")


def _by_kind(usage: Body, *names: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part in usage.parts(*names):
        kind = part.text("modality").upper()
        counts[kind] = counts.get(kind, 0) + part.count("tokenCount", "token_count")
    return counts


def _camel(usage: Body) -> Body:
    if not any("_" in name for name in usage.fields):
        return usage
    return Body({re.sub(r"_([a-z])", lambda m: m[1].upper(), name): v for name, v in usage.fields.items()}, usage.path)
