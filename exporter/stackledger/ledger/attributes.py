"""What a call is attributed to, by name: what reports, budgets and conditions are written with."""

from __future__ import annotations

from typing import Final

ATTRIBUTES: Final = (
    "user", "source", "provider", "model", "team", "feature", "environment", "api_key", "region", "service_tier",
)  # fmt: skip
TAG: Final = "tag."
"""Before the name of a tag: `tag.customer`."""
