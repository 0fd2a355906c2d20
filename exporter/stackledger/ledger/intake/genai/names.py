"""The one table from span attributes to what they mean here, each name with who writes it.

OTel N: semantic conventions of OpenTelemetry, by version; "OTel genai" is the repository that they moved to after 1.41,
as of its unreleased changelog. OpenInference: its spec. Others: the names in their own code (2026).
Where a span carries several names of one meaning, the one that stands first here wins: they are written side by side
during a migration, and tell the same. Attributes that hold messages are not here, so nobody looks at their values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

_FIXED: Final[dict[str, tuple[str, ...]]] = {
    "operation": ("gen_ai.operation.name",),  # OTel 1.27
    "kind": ("openinference.span.kind",),  # OpenInference
    "request_type": ("llm.request.type",),  # OpenLLMetry
    "entity": ("traceloop.span.kind",),  # OpenLLMetry: workflow, task, agent, tool
    "provider": (
        "gen_ai.provider.name",  # OTel 1.37
        "llm.provider",  # OpenInference: who hosts the model
        "gen_ai.system",  # OTel 1.26 to 1.36, OpenLLMetry
        "llm.system",  # OpenInference: whose model it is
        "llm.vendor",  # OpenLLMetry before 0.20
    ),
    "model": (
        "gen_ai.response.model",  # OTel 1.26
        "llm.response.model_name",  # OpenInference
        "llm.model_name",  # OpenInference: the answering model where known
        "embedding.model_name",  # OpenInference
        "gen_ai.request.model",  # OTel 1.26
        "llm.request.model_name",  # OpenInference
        "llm.response.model",  # OpenLLMetry before 0.20
        "llm.request.model",  # OpenLLMetry before 0.20
    ),
    "id": ("gen_ai.response.id",),  # OTel 1.26
    "tier": (
        "openai.response.service_tier",  # OTel 1.37
        "gen_ai.openai.response.service_tier",  # OTel 1.28 to 1.36
    ),
    "input": (
        "gen_ai.usage.input_tokens",  # OTel 1.27
        "llm.token_count.prompt",  # OpenInference
        "gen_ai.usage.prompt_tokens",  # OTel 1.26, OpenLLMetry
        "llm.usage.prompt_tokens",  # OpenLLMetry before 0.20
    ),
    "output": (
        "gen_ai.usage.output_tokens",  # OTel 1.27
        "llm.token_count.completion",  # OpenInference
        "gen_ai.usage.completion_tokens",  # OTel 1.26, OpenLLMetry
        "llm.usage.completion_tokens",  # OpenLLMetry before 0.20
    ),
    "total": (
        "gen_ai.usage.total_tokens",  # OpenLLMetry
        "llm.token_count.total",  # OpenInference
        "llm.usage.total_tokens",  # OpenLLMetry
    ),
    "cached": (
        "gen_ai.usage.cache_read.input_tokens",  # OTel 1.40
        "llm.token_count.prompt_details.cache_read",  # OpenInference
        "gen_ai.usage.cache_read_input_tokens",  # OpenLLMetry, Strands
        "gen_ai.usage.input_tokens.cached",  # Sentry
        "gen_ai.usage.details.cache_read_tokens",  # Pydantic AI
        "gen_ai.usage.details.cached_tokens",  # Pydantic AI before 1.0
        "gen_ai.usage.cached_input_tokens",  # Mastra before 1.0
    ),
    "written": (
        "gen_ai.usage.cache_write.input_tokens",  # OTel genai, replacing cache_creation
        "gen_ai.usage.cache_creation.input_tokens",  # OTel 1.40
        "llm.token_count.prompt_details.cache_write",  # OpenInference
        "gen_ai.usage.cache_creation_input_tokens",  # OpenLLMetry
        "gen_ai.usage.cache_write_input_tokens",  # Strands
        "gen_ai.usage.input_tokens.cache_write",  # Sentry
        "gen_ai.usage.details.cache_write_tokens",  # Pydantic AI
        "gen_ai.usage.cache_write_tokens",  # Mastra before 1.0
    ),
    "written_1h": (  # no convention tells how long a cache entry stays
        "stackledger.usage.cache_write_1h",  # ours
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",  # LiteLLM's OpenTelemetry
        "gen_ai.usage.cache_creation.1h_input_tokens",  # Mastra
    ),
    "reasoning": (
        "gen_ai.usage.reasoning.output_tokens",  # OTel 1.41
        "llm.token_count.completion_details.reasoning",  # OpenInference
        "gen_ai.usage.reasoning_tokens",  # OpenLLMetry, xAI's SDK
        "gen_ai.usage.output_tokens.reasoning",  # Sentry
        "gen_ai.usage.details.reasoning_tokens",  # Pydantic AI
        "llm.usage.reasoning_tokens",  # OpenLLMetry
    ),
    "audio": (
        "gen_ai.usage.audio.input_tokens",  # OTel genai
        "llm.token_count.prompt_details.audio",  # OpenInference
        "gen_ai.usage.audio_input_tokens",  # Mastra
        "gen_ai.usage.details.input_audio_tokens",  # Pydantic AI
    ),
    "audio_cached": (
        "gen_ai.usage.audio.cache_read.input_tokens",  # OTel genai
        "gen_ai.usage.details.cache_audio_read_tokens",  # Pydantic AI
    ),
    "audio_output": (
        "gen_ai.usage.audio.output_tokens",  # OTel genai
        "llm.token_count.completion_details.audio",  # OpenInference
        "gen_ai.usage.audio_output_tokens",  # Mastra
        "gen_ai.usage.details.output_audio_tokens",  # Pydantic AI
    ),
    "image": ("gen_ai.usage.image.input_tokens",),  # OTel genai
    "image_cached": ("gen_ai.usage.image.cache_read.input_tokens",),  # OTel genai
    "image_output": ("gen_ai.usage.image.output_tokens",),  # OTel genai
    "video": ("gen_ai.usage.video.input_tokens",),  # by analogy: OTel genai has no video yet
    "video_output": ("gen_ai.usage.video.output_tokens",),  # the same
}

COUNTS: Final = frozenset(
    {
        "input", "output", "total", "cached", "written", "written_1h", "reasoning", "audio", "audio_cached",
        "audio_output", "image", "image_cached", "image_output", "video", "video_output",
    }
)  # fmt: skip
"""The slots that hold numbers; all others hold text."""


class AttributeNames(msgspec.Struct, frozen=True):
    """Where a span, or else its resource, says who made the call. The first name that is there wins."""

    user: tuple[str, ...] = (
        "enduser.id",  # OTel
        "user.id",  # OTel, OpenInference
        "gen_ai.user",  # OpenLLMetry
        "traceloop.association.properties.user_id",  # OpenLLMetry
        "langfuse.user.id",  # Langfuse
    )
    team: tuple[str, ...] = ("stackledger.team", "team", "traceloop.association.properties.team")
    feature: tuple[str, ...] = ("stackledger.feature", "feature", "traceloop.association.properties.feature")
    environment: tuple[str, ...] = ("deployment.environment.name", "deployment.environment")  # OTel 1.27, before
    api_key: tuple[str, ...] = ("stackledger.api_key_alias",)
    """No convention has one; never name an attribute that holds the key itself."""
    source: tuple[str, ...] = ("service.name",)  # OTel
    exclusive_scopes: frozenset[str] = frozenset(
        {
            # Their input count is Converse's own, without the caches, next to the counts of the caches:
            # converse_usage_record in OpenLLMetry, _converse_attributes.py in OpenInference (both mid-2026).
            "opentelemetry.instrumentation.bedrock",
            "openinference.instrumentation.bedrock",
        }
    )
    """Instrumentation scopes whose input count leaves the caches out, against the conventions."""


Found = dict[str, Any]
"""Slot to the value of the attribute that came first among its names: a string, an int or a float."""


class Attribute(Protocol):
    """An attribute in either encoding of OTLP."""

    @property
    def key(self) -> str:
        """Its name."""

    @property
    def value(self) -> Any:
        """Its value as it was sent."""


class Slots:
    """Attribute name to (slot, rank): what a reader of spans looks attributes up in."""

    def __init__(self, names: AttributeNames | None = None) -> None:
        self.names = names or AttributeNames()
        who = {name: getattr(self.names, name) for name in WHO}
        self.by_name = {
            attribute: (slot, rank)
            for slot, attributes in {**who, **_FIXED}.items()
            for rank, attribute in enumerate(attributes)
        }

    def found(self, attributes: Iterable[Attribute], value: Callable[[Any], str | float | None]) -> Found:
        """Values by slot; of several names of one slot the first in rank. `value` is asked for known names alone."""
        found: Found = {}
        ranks: dict[str, int] = {}  # of what is not first in rank: nearly all is
        known = self.by_name.get
        for attribute in attributes:
            place = known(attribute.key)
            if place is None:
                continue
            slot, rank = place
            if rank and slot in found and ranks.get(slot, 0) < rank:
                continue
            told = value(attribute.value)
            if told is not None:
                found[slot] = told
                if rank or slot in ranks:
                    ranks[slot] = rank
        return found


WHO: Final = ("user", "team", "feature", "environment", "api_key", "source")
"""Slots that a resource may fill for all of its spans."""
