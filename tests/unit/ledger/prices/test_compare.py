"""The second opinion: LiteLLM's price map, in its own shape."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from stackledger.errors import ConfigError
from stackledger.ledger.prices.compare import Disagreement, disagreements
from stackledger.ledger.prices.resolve import Resolver
from tests.unit.ledger.prices.samples import at_us

NOW = at_us("2026-11-20")


def _report(resolver: Resolver, tmp_path: Path, table: object) -> list[Disagreement]:
    path = tmp_path / "map.json"
    path.write_text(json.dumps(table))
    return disagreements(resolver, path, NOW)


def test_agreement_is_silent(resolver: Resolver, tmp_path: Path) -> None:
    table = {
        "sample_spec": {"litellm_provider": "openai", "input_cost_per_token": 99.0},
        "gpt-4o": {
            "litellm_provider": "openai",
            "mode": "chat",
            "max_tokens": 16384,
            "input_cost_per_token": 2.5e-06,
            "cache_read_input_token_cost": 1.25e-06,
            "output_cost_per_token": 1e-05,
            "input_cost_per_token_batches": 1.25e-06,
            "output_cost_per_token_batches": 5e-06,
            "input_cost_per_token_priority": 4.25e-06,
        },
        "claude-sonnet-4-5": {
            "litellm_provider": "anthropic",
            "input_cost_per_token": 3e-06,
            "input_cost_per_token_above_200k_tokens": 6e-06,
            "cache_creation_input_token_cost_above_1hr": 6e-06,
            "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05,
        },
        "nobody-knows": {"litellm_provider": "openai", "input_cost_per_token": 1e-06},
        "strange": "no table",
    }
    assert _report(resolver, tmp_path, table) == []


def test_each_difference_is_told_with_its_ratio(resolver: Resolver, tmp_path: Path) -> None:
    table = {
        "azure/o3": {"litellm_provider": "azure", "input_cost_per_token": 3e-06},
        "gpt-3.5-turbo": {
            "litellm_provider": "openai",
            "input_cost_per_audio_token": 1e-06,
            "output_cost_per_token": 1.5e-06,
        },
        "gemini/gemini-2.5-pro": {"litellm_provider": "gemini", "output_cost_per_token_above_200k_tokens": 1.2e-05},
    }
    found = _report(resolver, tmp_path, table)
    assert found == [
        Disagreement("azure", "azure/o3", "", 0, "input_uncached", 2_000_000, 3_000_000),
        Disagreement("openai", "gpt-3.5-turbo", "", 0, "audio_input", 500_000, 1_000_000),
        Disagreement("gemini", "gemini/gemini-2.5-pro", "", 200_000, "output", 15_000_000, 12_000_000),
    ]
    assert [one.ratio for one in found] == [Fraction(3, 2), Fraction(2), Fraction(4, 5)]


def test_small_differences_and_zeros_for_what_does_not_exist_may_be_left_out(
    resolver: Resolver, tmp_path: Path
) -> None:
    table = {
        "text-embedding-3-small": {"litellm_provider": "openai", "output_cost_per_token": 0.0},
        "gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 2.51e-06, "output_cost_per_token": 1.2e-05},
    }
    path = tmp_path / "map.json"
    path.write_text(json.dumps(table))
    assert [one.bucket for one in disagreements(resolver, path, NOW)] == ["input_uncached", "output"]
    assert [one.bucket for one in disagreements(resolver, path, NOW, Fraction(1, 100))] == ["output"]


@pytest.mark.parametrize(("text", "told"), [("{", "is not JSON"), ("[]", "is not a price map")])
def test_another_file_is_refused_by_name(resolver: Resolver, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told) as refused:
        disagreements(resolver, path, NOW)
    assert "map.json" in str(refused.value)


def test_a_missing_file_is_told(resolver: Resolver, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        disagreements(resolver, tmp_path / "none.json", NOW)
