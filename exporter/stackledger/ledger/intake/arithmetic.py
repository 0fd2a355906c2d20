"""From totals that contain their parts to buckets that do not: the one place where counts are subtracted."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from stackledger.errors import StackledgerError
from stackledger.ledger.buckets import BUCKETS, LARGEST_COUNT, Usage
from stackledger.ledger.event import Reason

_NUMBER: Final = f"a whole number from 0 to {LARGEST_COUNT}"


class ReadingError(StackledgerError):
    """A usage that cannot be read; becomes a refusal of its event. The message holds names and numbers only."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Totals(msgspec.Struct):
    """Counts as most providers tell them: `input` and `output` contain the parts below them."""

    input: int = 0
    cached: int = 0
    written: int = 0
    """Written to a cache; `written_1h` is the part of it that stays for an hour or more."""
    written_1h: int = 0
    audio: int = 0
    """With what of it was cached; so for images and videos."""
    image: int = 0
    video: int = 0
    audio_cached: int = 0
    image_cached: int = 0
    output: int = 0
    reasoning: int = 0
    audio_output: int = 0
    image_output: int = 0
    video_output: int = 0
    citation: int = 0
    web_search: int = 0
    file_search: int = 0
    audio_input_ms: int = 0


def whole(value: object, path: str) -> int:
    """A count out of foreign JSON. 12.0 is 12, since some providers type counts as floats; 12.5 is no count."""
    if type(value) is int:
        if 0 <= value <= LARGEST_COUNT:
            return value
        shown = "a number above any call" if value > LARGEST_COUNT else str(value) if value > -(10**15) else "negative"
        raise ReadingError(Reason.IMPOSSIBLE_COUNT, f"{path} is {shown}: send {_NUMBER}.")
    if isinstance(value, float):
        if math.isfinite(value) and value.is_integer() and 0 <= value <= LARGEST_COUNT:
            return int(value)
        raise ReadingError(Reason.IMPOSSIBLE_COUNT, f"{path} is {value}: send {_NUMBER}.")
    raise ReadingError(Reason.MALFORMED, f"{path} is no number: send {_NUMBER}.")


def remainder(total: int, parts: dict[str, int], *, of: str, path: str) -> int:
    """What of `total` is in none of its parts, which do not overlap."""
    rest = total - sum(parts.values())
    if rest < 0:
        told = " + ".join(f"{name} {count}" for name, count in parts.items() if count)
        raise ReadingError(
            Reason.IMPOSSIBLE_COUNT,
            f"{path}: {told} is above the {of} of {total} that contains it: correct the counts, or send buckets "
            "in `usage`.",
        )
    return rest


def check_told(usage: Usage, path: str) -> None:
    """Refuses a usage without anything in it: no call uses nothing, so whoever counted lost it."""
    if all(getattr(usage, name) == 0 for name in BUCKETS if name != "requests"):
        raise ReadingError(Reason.UNKNOWN_SHAPE, f"{path} tells no usage: see why its counts are 0.")


def divide(totals: Totals, path: str) -> Usage:
    """Disjoint buckets. Refuses parts above their total: a clamped count would be a wrong bill."""
    t = totals
    if t.input > LARGEST_COUNT or t.output > LARGEST_COUNT or t.audio_input_ms > LARGEST_COUNT:
        raise ReadingError(Reason.IMPOSSIBLE_COUNT, f"{path}: the counts make a sum above any call.")
    cache_read, audio, image = t.cached, t.audio, t.image
    if t.audio_cached or t.image_cached:
        cached_parts = {"cached audio": t.audio_cached, "cached image": t.image_cached}
        cache_read = remainder(t.cached, cached_parts, of="cached count", path=path)
        audio = remainder(t.audio, {"cached audio": t.audio_cached}, of="audio count", path=path)
        image = remainder(t.image, {"cached image": t.image_cached}, of="image count", path=path)
    uncached = t.input - t.cached - t.written - audio - image - t.video
    output = t.output - t.reasoning - t.audio_output - t.image_output - t.video_output - t.citation
    short = t.written - t.written_1h
    if uncached < 0 or output < 0 or short < 0:
        _refuse(t, audio, image, path)
    return Usage(
        input_uncached=uncached,
        cache_read=cache_read,
        cache_write_5m=short,
        cache_write_1h=t.written_1h,
        output=output,
        reasoning=t.reasoning,
        audio_input=audio,
        audio_cache_read=t.audio_cached,
        audio_output=t.audio_output,
        image_input=image,
        image_cache_read=t.image_cached,
        image_output=t.image_output,
        video_input=t.video,
        video_output=t.video_output,
        citation=t.citation,
        web_search=t.web_search,
        file_search=t.file_search,
        audio_input_ms=t.audio_input_ms,
    )


def _refuse(t: Totals, audio: int, image: int, path: str) -> None:
    """Says which parts are above their total."""
    inputs = {"cached": t.cached, "written": t.written, "audio": audio, "image": image, "video": t.video}
    outputs = {
        "reasoning": t.reasoning, "audio": t.audio_output, "image": t.image_output, "video": t.video_output,
        "citation": t.citation,
    }  # fmt: skip
    remainder(t.input, inputs, of="input", path=path)
    remainder(t.output, outputs, of="output", path=path)
    remainder(t.written, {"written for an hour": t.written_1h}, of="written count", path=path)


def reasoning_apart(*, input: int, output: int, reasoning: int, total: int | None, usual: bool) -> bool:  # noqa: A002
    """Whether reasoning stands beside the output instead of inside it. A told total decides; else what is usual."""
    if not reasoning or total is None:
        return usual and bool(reasoning)
    if total == input + output + reasoning:
        return True
    return usual and total != input + output
