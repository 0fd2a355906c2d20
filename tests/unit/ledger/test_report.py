"""Proofs (a) and (c): any partition sums to the whole, single days to the range, in every zone, in integers."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo, available_timezones

import pytest

from stackledger.ledger.apply import Applier
from stackledger.ledger.attributes import ATTRIBUTES
from stackledger.ledger.buckets import BUCKETS, Usage
from stackledger.ledger.engines.duck.engine import DuckEngine
from stackledger.ledger.event import UsageEvent
from stackledger.ledger.inbox import Inbox, Waiting
from stackledger.ledger.periods import days
from stackledger.ledger.prices.book import Line, Rate, Window
from stackledger.ledger.prices.resolve import Unpriced
from stackledger.ledger.question import Question
from stackledger.ledger.record import Record, encode
from stackledger.ledger.report import ask, users_of
from stackledger.ledger.summary import summarise

UTC_ZONE = ZoneInfo("UTC")
FIRST, LAST = date(2026, 10, 20), date(2026, 11, 10)  # clocks change in Europe, America and Australia or near it
WIDE = (date(2026, 10, 18), date(2026, 11, 12))
BEGIN = datetime(2026, 10, 20, tzinfo=UTC)


AMOUNTS = {"input_uncached": 1_250_003, "cache_read": 125_001, "output": 10_000_019}
LINE = Line("any", "any", (Window(((0, Rate(tuple(AMOUNTS.get(name) for name in BUCKETS))),)),))


class Price:
    version = "test"

    def with_book(self, _book):
        return self

    def line(self, _provider, model, _region, _tier):
        return LINE if model != "unknown" else Unpriced("no such model")


def _events(count: int) -> list[UsageEvent]:
    chance = random.Random(7)
    span = 21 * 24 * 3600
    return [
        UsageEvent(
            id=f"call-{number}",
            time=BEGIN + timedelta(seconds=chance.randrange(span), microseconds=chance.randrange(10**6)),
            source=chance.choice(("gateway", "app")),
            provider=chance.choice(("openai", "anthropic")),
            model=chance.choice(("small", "large", "unknown")),
            user=chance.choice(("", *(f"user-{n}" for n in range(40)))),
            team=chance.choice(("search", "chat", "")),
            feature=chance.choice(("rank", "answer")),
            environment=chance.choice(("prod", "test")),
            api_key=chance.choice(("a", "b")),
            region=chance.choice(("", "eu")),
            service_tier=chance.choice(("", "batch")),
            tags=chance.choice(({}, {"customer": "acme"}, {"customer": "zen", "plan": "gold"})),
            usage=Usage(
                input_uncached=chance.randrange(10_000),
                cache_read=chance.randrange(3_000),
                output=chance.randrange(2_000),
                requests=0,
            ),
        )
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def events():
    return _events(1500)


@pytest.fixture(scope="module")
def engine(tmp_path_factory, events):
    folder = tmp_path_factory.mktemp("ledger")
    inbox, engine = Inbox(folder / "inbox.sqlite"), DuckEngine(folder / "ledger.duckdb")
    for start in range(0, len(events), 200):
        piece = events[start : start + 200]
        inbox.append([Waiting(start, len(piece), encode(Record(piece)))])
    applier = Applier(inbox, engine, Price)
    while applier.run_once(at_once=500):
        pass
    yield engine
    engine.close()
    inbox.close()


def _cost(event: UsageEvent) -> int:
    usage = event.usage
    return 1_250_003 * usage.input_uncached + 125_001 * usage.cache_read + 10_000_019 * usage.output


def _whole(events):
    priced = [event for event in events if event.model != "unknown"]
    return len(events), len(events) - len(priced), sum(map(_cost, priced))


def _sums(lines):
    return sum(one.events for one in lines), sum(one.unpriced for one in lines), sum(one.cost for one in lines)


def test_the_whole_is_the_sum_of_the_calls(engine, events):
    answer = ask(engine, Question((), *WIDE, UTC_ZONE))
    assert _sums(answer.lines) == _whole(events)
    assert len(answer.lines) == 1
    tokens = dict(zip(answer.buckets, answer.lines[0].usage, strict=True))
    assert tokens == {
        name: sum(getattr(event.usage, name) for event in events) for name in ("input_uncached", "cache_read", "output")
    }


FIELDS = (*ATTRIBUTES, "tag.customer", "tag.plan", "day", "month")


PAIRS = [by for by in combinations(FIELDS, 2) if set(by) != {"day", "month"}]


@pytest.mark.parametrize("by", [*((one,) for one in FIELDS), *PAIRS, FIELDS[:-1]])
def test_every_partition_sums_to_the_whole(engine, events, by):
    answer = ask(engine, Question(by, *WIDE, UTC_ZONE))
    assert _sums(answer.lines) == _whole(events)
    assert len({one.keys for one in answer.lines}) == len(answer.lines)


def _zones() -> list[str]:
    """Of all zones of the world one of each kind: many differ in nothing but their name on these days."""
    kinds = {tuple(days(FIRST, LAST, ZoneInfo(name))): name for name in sorted(available_timezones())}
    return list(kinds.values())


def test_single_days_sum_to_the_range_in_every_zone(engine, events):
    zones = _zones()
    assert len(zones) > 40
    for name in zones:
        zone = ZoneInfo(name)
        by_day = {one.keys[0]: one for one in ask(engine, Question(("day",), FIRST, LAST, zone)).lines}
        whole = ask(engine, Question((), FIRST, LAST, zone))
        assert _sums(by_day.values()) == _sums(whole.lines), name
        expected = [event for event in events if FIRST <= event.time.astimezone(zone).date() <= LAST]
        assert _sums(whole.lines) == _whole(expected), name
        day = date(2026, 10, 25)
        on_day = [event for event in events if event.time.astimezone(zone).date() == day]
        assert _sums([by_day[day.isoformat()]]) == _whole(on_day), name


def test_a_single_day_by_user_agrees_with_the_sums_by_quarter_hours(engine):
    zone = ZoneInfo("Asia/Kathmandu")
    from_sums = ask(engine, Question(("day", "team"), FIRST, LAST, zone))
    from_calls = ask(engine, Question(("day", "team", "user"), FIRST, LAST, zone))
    folded: dict[tuple[str, ...], list[int]] = {}
    for one in from_calls.lines:
        line = folded.setdefault(one.keys[:2], [0, 0, 0])
        line[:] = [line[0] + one.events, line[1] + one.unpriced, line[2] + one.cost]
    assert {one.keys: [one.events, one.unpriced, one.cost] for one in from_sums.lines} == folded


@pytest.mark.parametrize(
    "where",
    [
        {"user": ("user-3",)},
        {"user": ("user-3", "user-4"), "team": ("chat",)},
        {"tag.customer": ("acme",)},
        {"tag.customer": ("",)},
        {"model": ("unknown",)},
        {"team": ("there is no such team",)},
    ],
)
def test_conditions_keep_the_calls_that_meet_them(engine, events, where):
    def meets(event: UsageEvent) -> bool:
        return all(
            (event.tags.get(name[4:], "") if name.startswith("tag.") else getattr(event, name)) in values
            for name, values in where.items()
        )

    answer = ask(engine, Question((), *WIDE, UTC_ZONE, where))
    assert _sums(answer.lines) == _whole([event for event in events if meets(event)])


def test_the_highest_cost_comes_first(engine):
    costs = [one.cost for one in ask(engine, Question(("user",), *WIDE, UTC_ZONE)).lines]
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("by", [("usr",), ("tag.",), ("tags",), ("day", "month"), ("cost",)])
def test_what_cannot_be_asked_is_refused_with_what_can(by):
    with pytest.raises(ValueError, match=r"choose from|not by both"):
        Question(by, FIRST, LAST, UTC_ZONE)


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="before the first"):
        Question((), LAST, FIRST, UTC_ZONE)


@pytest.mark.parametrize("by", [("user",), ("user", "model"), ("day", "team"), ("tag.customer",)])
@pytest.mark.parametrize("top", [1, 3, 10_000])
def test_the_top_and_the_rest_sum_to_the_whole_and_are_the_first_of_all(engine, events, by, top):
    every = ask(engine, Question(by, *WIDE, UTC_ZONE))
    answer = ask(engine, Question(by, *WIDE, UTC_ZONE), top)
    assert list(answer.lines) == list(every.lines[:top])
    assert (answer.rest is None) == (len(every.lines) <= top)
    lines = [*answer.lines, *([answer.rest] if answer.rest else [])]
    assert _sums(lines) == _whole(events)
    counts = [sum(column) for column in zip(*(line.usage for line in lines), strict=True)]
    assert counts[answer.buckets.index("output")] == sum(event.usage.output for event in events)


def test_users_are_counted_without_nobody(engine, events):
    assert users_of(engine, Question((), *WIDE, UTC_ZONE)) == len({event.user for event in events} - {""})
    where = {"team": ("chat",)}
    of_chat = {event.user for event in events if event.team == "chat"} - {""}
    assert users_of(engine, Question((), *WIDE, UTC_ZONE, where)) == len(of_chat)


@pytest.mark.parametrize("values", [1, 2, 100])
def test_what_the_page_shows_stays_under_its_cap_and_sums_to_the_total(engine, values):
    """Proof (h), before floats."""
    now_us = round(datetime(2026, 11, 3, 12, tzinfo=UTC).timestamp() * 1e6)
    for period in summarise(engine, now_us, UTC_ZONE, values=values, users=3, pseudonym=lambda user: f"h-{user}"):
        for amounts in (*period.groups.values(), period.top_users):
            assert len({one.keys for one in amounts}) == len(amounts)
            assert sum(int(one.cost) for one in amounts) == int(period.cost)
            assert sum(one.events for one in amounts) == period.events
            assert sum(one.unpriced for one in amounts) == period.unpriced
        assert all(len(amounts) <= values + 1 for amounts in period.groups.values())
        assert len(period.top_users) <= 4
        assert all(one.keys[0] in ("", "other") or one.keys[0].startswith("h-") for one in period.top_users)
