"""One name for each provider, whoever tells of it: the ids of the price data (`genai-prices`).

A name that is not here is passed on in lower case: what it costs is then unknown and shown as such, not guessed.
"""

from __future__ import annotations

from typing import Final

_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    # Values of gen_ai.provider.name and gen_ai.system are OpenTelemetry's (semantic conventions 1.27 to 1.42), of
    # llm.provider and llm.system OpenInference's, custom_llm_provider LiteLLM's; and what people write.
    "anthropic": ("claude",),
    "aws": ("aws.bedrock", "aws_bedrock", "bedrock", "bedrock_converse", "amazon", "amazon-bedrock", "sagemaker"),
    "azure": (
        "azure.ai.openai", "azure.ai.inference", "az.ai.openai", "az.ai.inference", "azure_openai", "azure-openai",
        "azure_ai", "azure_text",
    ),
    "cerebras": (),
    "cohere": ("cohere_chat",),
    "databricks": (),
    "deepseek": (),
    "fireworks": ("fireworks_ai", "fireworks-ai"),
    "google": (
        "gcp.gen_ai", "gcp.gemini", "gcp.vertex_ai", "gcp", "gemini", "vertex_ai", "vertex_ai_beta", "vertexai",
        "vertex", "google_genai", "google-genai", "google_vertexai",
    ),
    "groq": (),
    "minimax": (),
    "mistral": ("mistral_ai", "mistralai", "mistral-ai"),
    "moonshotai": ("moonshot", "moonshot_ai"),
    "novita": (),
    "openai": ("text-completion-openai", "openai_responses"),
    "openrouter": (),
    "perplexity": ("perplexity_ai",),
    "together": ("together_ai", "togetherai"),
    "voyageai": ("voyage",),
    "x-ai": ("xai", "x_ai", "x.ai"),
}  # fmt: skip

_FRAMEWORKS: Final = frozenset(
    {"langchain", "strands-agents", "litellm", "haystack", "llamaindex", "_other", "unknown"}
)
"""What some libraries write as the provider, although they serve no model: who does is read off the model's name."""

_CANONICAL: Final = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}


def canonical(provider: str) -> str:
    """The provider's one name. Some libraries add the API to it ("openai.chat", "vertex_ai-language-models")."""
    if provider in _CANONICAL:
        return _CANONICAL[provider]
    name = provider.strip().lower()
    head = name.split(".")[0]
    return _CANONICAL.get(name) or _CANONICAL.get(head) or name


_MODEL_STARTS: Final = (
    # How the makers name their models; only for sources that do not tell who served them.
    (("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-", "whisper", "tts-", "dall-e", "codex-"), "openai"),
    (("claude",), "anthropic"),
    (("gemini", "models/gemini", "imagen", "veo"), "google"),
    (("anthropic.", "amazon.", "us.anthropic.", "eu.anthropic.", "apac.anthropic.", "global.anthropic."), "aws"),
    (("us.amazon.", "eu.amazon.", "apac.amazon.", "meta.", "us.meta."), "aws"),
    (("mistral", "ministral", "magistral", "codestral", "devstral", "pixtral", "voxtral"), "mistral"),
    (("command", "embed-english", "embed-multilingual", "embed-v", "rerank"), "cohere"),
    (("grok",), "x-ai"),
    (("deepseek",), "deepseek"),
    (("sonar",), "perplexity"),
    (("voyage",), "voyageai"),
)


def guess(model: str) -> str:
    """Who serves a model of this name, where nobody says; empty where its name says nothing either."""
    head, slash, _ = model.partition("/")
    if slash and canonical(head) in _ALIASES:
        return canonical(head)
    name = model.lower()
    return next((provider for starts, provider in _MODEL_STARTS if name.startswith(starts)), "")


def served_by(provider: str, model: str) -> str:
    """The provider's one name; guessed from the model where none is told, or only a framework's."""
    name = canonical(provider)
    return guess(model) or name if not name or name in _FRAMEWORKS else name


def bare(model: str, provider: str) -> str:
    """The model without the provider in front ("openai/gpt-4o" of OpenAI), as gateways write it."""
    head, slash, rest = model.partition("/")
    return rest if slash and rest and canonical(head) == provider else model
