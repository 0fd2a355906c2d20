"""One table of the names under which libraries, conventions and gateways know a provider, to the book's own names.

A name that contains "azure" is never taken for OpenAI: the same model has other prices there. A server that only
speaks OpenAI's protocol is no vendor at all, whatever it is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stackledger.ledger.prices.book import Provider

ALIASES: Final[dict[str, str]] = {
    # OpenTelemetry, gen_ai.provider.name (semantic conventions 1.37 and later) and gen_ai.system before it
    "aws.bedrock": "aws",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
    "xai": "x-ai",
    # OpenLLMetry, gen_ai.system (opentelemetry-instrumentation-*), lower-cased
    "bedrock": "aws",
    "cohereai": "cohere",
    "mistralai": "mistral",
    "together_ai": "together",
    "togetherai": "together",
    "vertexai": "google",
    # OpenInference: llm.provider and llm.system of openinference-semantic-conventions
    "amazon": "aws",
    "vertex": "google",
    # LiteLLM, custom_llm_provider and the keys' prefixes in its price map
    "anthropic_text": "anthropic",
    "azure_ai": "azure",
    "azure_text": "azure",
    "bedrock_converse": "aws",
    "bedrock_mantle": "aws",
    "codestral": "mistral",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks",
    "github_copilot": "github-copilot",
    "moonshot": "moonshotai",
    "palm": "google",
    "text-completion-codestral": "mistral",
    "text-completion-openai": "openai",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
    "voyage": "voyageai",
    "z_ai": "zai",
}
"""Name to the book's provider; what follows "vertex_ai-" in LiteLLM's map is a kind of model, not a vendor."""

GATEWAYS: Final = frozenset({"litellm", "litellm_proxy"})
"""Senders that name the real provider in front of the model: "azure/gpt-4o"."""

NO_VENDOR: Final = frozenset({"custom_openai", "openai-compatible", "openai_compatible", "openai_like"})
"""Names of a protocol, not of somebody who sends a bill."""


def vendor(name: str, providers: Iterable[Provider]) -> str:
    """The book's name of a provider; what nobody knows stays as it is, in lower case."""
    plain = name.strip().lower()
    providers = tuple(providers)
    if plain in NO_VENDOR or any(provider.id == plain for provider in providers):
        return plain
    if plain in ALIASES:
        return ALIASES[plain]
    if "azure" in plain:
        return "azure"
    if plain.startswith("vertex_ai-"):
        return "google"
    known = (provider.id for provider in providers if provider.match is not None and provider.match.hits(plain))
    return next(known, plain)
