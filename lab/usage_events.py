"""Two months and a half of made-up usage of models by a made-up company, the same at every run for the same day.

Some users, teams and models have awkward names on purpose; one model has no price anywhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

DAYS = 75
AWKWARD_USER = "acme/ops 100%<b>"
HOSTILE_TEAM = "<script>alert(1)</script>"
UNPRICED_MODEL = "house-llama-70b"
MODELS = (
    # provider, model, share of calls, tokens in, tokens out
    ("anthropic", "claude-sonnet-4-5", 30, 9_000, 900),
    ("openai", "gpt-4.1", 22, 6_000, 700),
    ("openai", "gpt-4.1-mini", 25, 5_000, 500),
    ("google", "gemini-2.5-pro", 12, 8_000, 1_200),
    ("anthropic", "claude-haiku-4-5", 16, 4_000, 400),
    ("google", "gemini-2.5-flash", 10, 3_000, 300),
    ("openai", UNPRICED_MODEL, 2, 2_000, 200),
)
TEAMS = ("search", "support", "growth", "platform", "")
FEATURES = {
    "search": ("answer", "rerank"),
    "support": ("draft-reply", "triage"),
    "growth": ("copywriter",),
    "platform": ("code-review", "incident-summary"),
    "": ("",),
}


def events(now: datetime, a_day: int = 60) -> Iterator[dict[str, Any]]:
    """Events of the last days up to `now`, about `a_day` on a working day; each stands for many calls alike."""
    chance = random.Random(11)
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(DAYS, -1, -1):
        day = today - timedelta(days=back)
        growth = 1 + 0.6 * (DAYS - back) / DAYS
        many = round(a_day * growth * (0.35 if day.weekday() >= 5 else 1) * chance.uniform(0.85, 1.2))
        for number in range(many):
            event = _event(chance, day, number)
            if event["time"] <= now.isoformat():
                yield event
    yield from _awkward(now)


def _event(chance: random.Random, day: datetime, number: int) -> dict[str, Any]:
    provider, model, _, tokens_in, tokens_out = chance.choices(MODELS, [one[2] for one in MODELS])[0]
    team = chance.choices(TEAMS, (34, 28, 16, 18, 4))[0]
    tokens = round(tokens_in * chance.lognormvariate(0, 0.5)) * 40
    cached = round(tokens * chance.choice((0, 0, 0.5, 0.8)))
    usage = {"input_uncached": tokens - cached, "output": round(tokens_out * chance.lognormvariate(0, 0.4)) * 40}
    return {
        "id": f"call-{day:%Y%m%d}-{number}",
        "time": (day + timedelta(seconds=chance.randrange(86_400))).isoformat(),
        "source": "gateway",
        "provider": provider,
        "model": model,
        "user": f"user-{min(int(chance.expovariate(1 / 14)), 89):02d}@example.com" if chance.random() > 0.03 else "",
        "team": team,
        "feature": chance.choice(FEATURES[team]),
        "environment": "production" if chance.random() > 0.12 else "staging",
        "usage": usage | ({"cache_read": cached} if cached else {}),
    }


def _awkward(now: datetime) -> Iterator[dict[str, Any]]:
    for number, model in enumerate(("gpt-4.1", "gpt-4.1-mini", UNPRICED_MODEL)):
        yield {
            "id": f"awkward-{number}",
            "time": (now - timedelta(minutes=number + 1)).isoformat(),
            "source": "gateway",
            "provider": "openai",
            "model": model,
            "user": AWKWARD_USER,
            "team": HOSTILE_TEAM,
            "feature": '"quoted" & <i>',
            "environment": "production",
            "usage": {"input_uncached": 1_234_567, "output": 7_654},
        }
