"""The disjoint buckets in which usage is counted: no unit is ever in two of them.

"Does input include cached?" is answered once, at the edge, by whoever turns a foreign shape into these. A price is one
integer per bucket, so the cost of an event is a sum of products and any partition of events sums to the whole.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

LARGEST_COUNT: Final = 2**40
"""The largest count in one bucket of one event: above it, it is a mistake and not usage (a trillion tokens)."""

Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]


class Usage(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True, gc=False):
    """What one call used. Tokens unless the name or its comment says otherwise."""

    input_uncached: Count = 0
    """Text tokens (or tokens without a modality told) read as input and not found in a cache."""
    cache_read: Count = 0
    """Input tokens found in a cache."""
    cache_write_5m: Count = 0
    """Input tokens written to a cache, kept for minutes; also where no time is told."""
    cache_write_1h: Count = 0
    """Input tokens written to a cache, kept for an hour."""
    output: Count = 0
    """Text tokens answered, without reasoning."""
    reasoning: Count = 0
    """Tokens of reasoning, shown or not."""
    audio_input: Count = 0
    audio_cache_read: Count = 0
    audio_output: Count = 0
    image_input: Count = 0
    image_cache_read: Count = 0
    image_output: Count = 0
    video_input: Count = 0
    video_output: Count = 0
    citation: Count = 0
    """Tokens of citations, where they are billed apart."""
    web_search: Count = 0
    """Searches of the web made by the provider for the call."""
    file_search: Count = 0
    """Searches of stored files made by the provider for the call."""
    pages: Count = 0
    """Pages of documents read."""
    annotated_pages: Count = 0
    """Pages of documents read with annotations."""
    characters: Count = 0
    """Characters spoken or translated, where these are billed."""
    audio_input_ms: Count = 0
    """Milliseconds of audio heard, where time is billed."""
    audio_output_ms: Count = 0
    """Milliseconds of audio spoken, where time is billed."""
    requests: Count = 1
    """Calls: 1, but for a report that already sums several."""


BUCKETS: Final[tuple[str, ...]] = Usage.__struct_fields__
"""Names of the buckets in their fixed order; a rate holds one integer for each."""

INPUT_TOKENS: Final[tuple[str, ...]] = (
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_input",
    "audio_cache_read",
    "image_input",
    "image_cache_read",
    "video_input",
)
"""What counts as input where a price depends on how long the input was."""

TOKENS: Final[tuple[str, ...]] = (
    *INPUT_TOKENS, "output", "reasoning", "audio_output", "image_output", "video_output", "citation",
)  # fmt: skip
"""Every bucket that is counted in tokens."""
