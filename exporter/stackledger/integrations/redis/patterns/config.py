"""How keys are counted by pattern: the patterns, the pace, the sample. Owns the settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from stackledger.clients.settings import Settings
from stackledger.integrations.redis.labels import OTHER

MOST_PATTERNS = 64

PatternName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]([a-zA-Z0-9_.:-]{0,62})$")]
Glob = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class KeyPatterns(Settings):
    """Counting keys by pattern, in one pass for all patterns."""

    patterns: Annotated[dict[PatternName, Glob], Field(min_length=1, max_length=MOST_PATTERNS)]
    """Name to glob, as SCAN MATCH takes it, for instance `{sessions: "session:*"}`. A key counts once: for the first
    pattern that it matches, in this order, and for `other` when it matches none."""
    operations_per_second: float = Field(default=200, ge=1, le=100_000)
    """Budget of commands for all nodes together: one SCAN (which looks at `keys_per_scan` keys) or one MEMORY USAGE.
    200 reads 20,000 keys/s, 100 million in 83 minutes; measured on two slow cores: 4 % of one for all servers together,
    6 % for us."""
    keys_per_scan: int = Field(default=100, ge=10, le=10_000)
    """COUNT of each SCAN: how long other commands wait for one, 0.1 to 0.2 ms for 100."""
    interval_seconds: float = Field(default=3600, ge=10)
    """From the start of a pass to the start of the next; a pass that takes longer is followed at once. An hour, since
    what grows for want of an expiry grows over days."""
    samples: int = Field(default=100, ge=0, le=1000)
    """Keys per pattern and shard whose size is asked, chosen at random. 0: count only, which needs no right to keys.
    With 100 in each of three shards the mean is right within about 6 % where sizes differ as much as their mean."""
    on_masters: bool = False
    """Scan masters even where there are replicas. Off: a replica has time to spare. A shard without a healthy replica
    is always scanned on its master."""

    @field_validator("patterns")
    @classmethod
    def _other_is_taken(cls, value: dict[str, str]) -> dict[str, str]:
        if OTHER in value:
            raise ValueError(f"the name {OTHER!r} is taken: it stands for the keys that match no pattern")
        return value
