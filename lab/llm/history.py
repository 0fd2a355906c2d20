"""Calls of the past, as a gateway would have kept them: usage events of the weeks before today, in NDJSON.

Owns their number and course: fewer at weekends, growing slowly, a few of a model without a price, which came out this
month. Days begin with the last month, so that a whole month can be looked at, and six weeks ago at the latest, so that
weekdays can be compared.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from lab.llm.company import PEOPLE, UNKNOWN_MODEL
from lab.llm.draws import Asked, Used, draw

SOURCE = "gateway"
_DAYS = 43
_WEEKDAY_CALLS = 90
_WEEKEND_CALLS = 35
_WEEKEND = 5
_OPENS, _CLOSES = 7 * 3600, 19 * 3600  # UTC: the same day in Europe's zones
_LONG = 6.0
_MODELS = (
    ("chat", "openai", "gpt-4o-mini-2024-07-18", 30),
    ("research", "openai", "gpt-5.2-2025-12-11", 25),
    ("drafting", "anthropic", "claude-sonnet-4-6", 25),
    ("tickets", "anthropic", "claude-haiku-4-5-20251001", 14),
    ("semantic-search", "openai", "text-embedding-3-small", 5),
    ("chat", "openai", UNKNOWN_MODEL, 1),
)
_PRICED = tuple(one for one in _MODELS if one[2] != UNKNOWN_MODEL)


def write(path: Path, now: datetime, *, seed: int = 1) -> int:
    """Write the events up to `now`; how many there are."""
    count = 0
    with path.open("w") as lines:
        for event in events(now, seed=seed):
            lines.write(json.dumps(event) + "\n")
            count += 1
    return count


def events(now: datetime, *, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Usage events of every day from the first of last month, or six weeks ago, up to `now`."""
    day, today = first_day(now.date()), now.date()
    while day <= today:
        models = _MODELS if day >= today.replace(day=1) else _PRICED
        for event in _of_day(day, (today - day).days, models, random.Random(f"{seed} {day}")):
            if datetime.fromisoformat(event["time"]) < now:
                yield event
        day += timedelta(days=1)


def first_day(today: date) -> date:
    """The day with which history begins."""
    last_month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return min(last_month, today - timedelta(days=_DAYS))


def _of_day(
    day: date, age: int, models: Sequence[tuple[str, str, str, int]], chance: random.Random
) -> Iterator[dict[str, Any]]:
    usual = _WEEKEND_CALLS if day.weekday() >= _WEEKEND else _WEEKDAY_CALLS
    calls = round(usual * (1 - age / 200) * chance.uniform(0.9, 1.1))
    midnight = datetime.combine(day, time(), UTC)
    for number in range(calls):
        feature, provider, model, _ = chance.choices(models, [weight for *_, weight in models])[0]
        person = chance.choice(PEOPLE)
        asked = Asked(keep="minutes" if provider == "anthropic" else "", automatic_cache=provider == "openai")
        yield {
            "id": f"{SOURCE}-{day:%Y%m%d}-{number}",
            "time": (midnight + timedelta(seconds=chance.randrange(_OPENS, _CLOSES))).isoformat(),
            "provider": provider,
            "model": model,
            "usage": _buckets(draw(chance, model, asked, scale=_LONG)),
            "source": SOURCE,
            "user": person.user,
            "team": person.team,
            "feature": feature,
            "environment": "staging" if chance.random() < 0.1 else "production",
            "api_key": "shop-gateway",
        }


def _buckets(used: Used) -> dict[str, int]:
    """In the names of the usage API."""
    named = {
        "input_uncached": used.fresh,
        "cache_read": used.cached,
        "cache_write_5m": used.kept_minutes,
        "output": used.answered,
        "reasoning": used.reasoned,
    }
    return {name: count for name, count in named.items() if count}
