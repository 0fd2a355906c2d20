"""What a report says is what the calls sum to, however they came and whatever changed since, on both engines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackledger.ledger.engines.base import Edit, Engine
from stackledger.ledger.event import UsageEvent
from stackledger.ledger.question import Answer, Line, Question
from stackledger.ledger.report import ask
from stackledger.ledger.reprice import reprice
from tests.integration.ledger.building import Ledger, PriceList, event, flat_rate, reference, varied

FIRST, LAST = date(2026, 2, 28), date(2026, 3, 4)
FROM_US, UNTIL_US = 1_772_000_000_000_000, 1_773_000_000_000_000
ZONES = (ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/St_Johns"))
BY: tuple[tuple[str, ...], ...] = (
    (),
    ("user",),
    ("model",),
    ("user", "model"),
    ("day", "user"),
    ("user", "team", "model"),
)
BOOKS = (
    PriceList(),
    PriceList("book-2", {f"m{n}": flat_rate(n * 5 + 3) for n in range(11)}),
    PriceList("book-3", {f"m{n}": flat_rate(n + 1) for n in range(11)}),
)

Sums = dict[tuple[str, ...], tuple[int, int, int, int]]


def _keys(one: UsageEvent, by: Sequence[str], zone: ZoneInfo) -> tuple[str, ...]:
    return tuple(one.time.astimezone(zone).date().isoformat() if name == "day" else getattr(one, name) for name in by)


def _expected(calls: Sequence[tuple[UsageEvent, int | None]], by: Sequence[str], zone: ZoneInfo) -> Sums:
    found: dict[tuple[str, ...], Counter[str]] = {(): Counter()} if not by else {}
    for one, cost in calls:
        if FIRST <= one.time.astimezone(zone).date() <= LAST:
            found.setdefault(_keys(one, by, zone), Counter()).update(
                events=1, unpriced=cost is None, cost=cost or 0, units=one.usage.input_uncached
            )
    return {key: (one["events"], one["unpriced"], one["cost"], one["units"]) for key, one in found.items()}


def _told(lines: Sequence[Line], buckets: Sequence[str]) -> Sums:
    found = {}
    for one in lines:
        units = dict(zip(buckets, one.usage, strict=True))
        found[one.keys] = (one.events, one.unpriced, one.cost, units.get("input_uncached", 0))
    return found


@st.composite
def _lives(draw: st.DrawFn) -> tuple[list[list[UsageEvent]], list[PriceList]]:
    """Batches of calls, some of which come again, and the price books by which all were priced again."""
    numbers = st.lists(st.integers(0, 140).map(lambda n: n * 29), min_size=1, max_size=40)
    batches = draw(st.lists(numbers, min_size=1, max_size=4))
    again = draw(st.lists(st.sampled_from(batches), max_size=2))
    return [varied(one) for one in [*batches, *again]], draw(st.lists(st.sampled_from(BOOKS[1:]), max_size=3))


@given(life=_lives(), zone=st.sampled_from(ZONES), top=st.integers(1, 15))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_report_is_what_the_calls_sum_to(
    new_place: Callable[[], Callable[[], Engine]],
    life: tuple[list[list[UsageEvent]], list[PriceList]],
    zone: ZoneInfo,
    top: int,
) -> None:
    batches, books = life
    engine = new_place()()
    try:
        for number, batch in enumerate(batches, start=1):
            Ledger(engine).put(batch, number)
        for book in books:
            reprice(engine, book, from_us=FROM_US, until_us=UNTIL_US, only_unpriced=False, cause="test", made_us=5)
        calls = list(reference(batches, [BOOKS[0], *books][-1]).values())
        for by in BY:
            answer = ask(engine, Question(by, FIRST, LAST, zone))
            expected = _expected(calls, by, zone)
            assert _told(answer.lines, answer.buckets) == expected, by
            order = [(-one.cost, one.keys) for one in answer.lines]
            assert order == sorted(order)
            if by:
                _check_top(answer, ask(engine, Question(by, FIRST, LAST, zone), top=top), top)
    finally:
        engine.close()


def _check_top(whole: Answer, few: Answer, top: int) -> None:
    """The first lines are the same, and the rest is all the others."""
    assert few.lines == whole.lines[:top]
    others = [(one.events, one.unpriced, one.cost, *one.usage) for one in whole.lines[top:]]
    assert (few.rest is None) == (not others)
    if few.rest is not None:
        rest = few.rest
        assert (rest.events, rest.unpriced, rest.cost, *rest.usage) == tuple(map(sum, zip(*others, strict=True)))
        assert rest.keys == ("other",) * len(whole.question.by)


def test_a_user_who_is_called_like_an_erased_one_is_one_line_with_it(engine: Engine) -> None:
    ledger = Ledger(engine)
    ledger.put([event(1, user="x", tokens=10), event(2, user="y", tokens=30)], 1)
    number = ledger.one("SELECT id FROM person WHERE name = ?", ["x"])
    name = f"erased-{number}"
    engine.edit([Edit("UPDATE person SET name = ?, erased = 5 WHERE id = ?", [name, number])], forget=["x"])
    ledger.put([event(3, user=name, tokens=10)], 2)
    for by in (("user",), ("user", "model")):
        lines = ask(engine, Question(by, FIRST, LAST, ZONES[0])).lines
        assert [(one.keys[0], one.events) for one in lines] == [("y", 1), (name, 2)]
