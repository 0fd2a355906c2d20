"""Every way to part the calls sums to the same whole, in integers, on both engines."""

from __future__ import annotations

import itertools

from stackledger.ledger.buckets import LARGEST_COUNT, Usage
from stackledger.money import LARGEST
from tests.integration.ledger.building import (
    ATTRIBUTES,
    NOON,
    Ledger,
    PriceList,
    event,
    facts_of,
    flat_rate,
    reference,
    varied,
)


def test_each_attribute_and_each_pair_of_them_sums_to_the_total(ledger: Ledger) -> None:
    events = varied(range(600))
    ledger.put(events[:350], 1)
    ledger.put(events[350:], 2)
    costs = [cost for _, cost in reference([events]).values()]
    priced = [cost for cost in costs if cost is not None]
    whole = (len(costs), len(costs) - len(priced), sum(priced), sum(one.usage.input_uncached for one in events))
    columns = [f"x.{name}" for name in (*ATTRIBUTES, "tags")] + ["p.name", "c.day"]
    for chosen in [*((one,) for one in columns), *itertools.combinations(columns, 2)]:
        parts = ledger.engine.query(
            "SELECT count(*), count(*) - count(c.cost), coalesce(sum(c.cost), 0), sum(c.input_uncached) FROM llm_call c"
            f" JOIN context x ON x.id = c.context JOIN person p ON p.id = c.person GROUP BY {', '.join(chosen)}"
        )
        assert tuple(map(sum, zip(*parts, strict=True))) == whole, chosen
    assert ledger.consistent()


def test_each_call_costs_what_its_units_times_the_rate_are(ledger: Ledger) -> None:
    events = varied(range(200))
    ledger.put(events, 1)
    expected = {(source, call): cost for (source, _, call), (_, cost) in reference([events]).items()}
    found = ledger.engine.query("SELECT s.name, c.id, c.cost FROM llm_call c JOIN source s ON s.id = c.source_id")
    assert {(source, call): cost for source, call, cost in found} == expected
    assert None in expected.values()  # a model without a price costs NULL and never 0
    assert {"unpriced": "no price for m10"} in facts_of(ledger)


def test_amounts_beyond_64_bits_are_exact(engine: object) -> None:
    ledger = Ledger(engine, PriceList(models={"m1": flat_rate(3_000_017)}))
    usage = Usage(input_uncached=LARGEST_COUNT, requests=0)
    ledger.put([event(n, usage=usage) for n in range(50)], 1)
    one = LARGEST_COUNT * 3_000_017
    assert 2**32 < one < LARGEST
    assert one * 50 > 2**63
    assert ledger.one("SELECT sum(cost) FROM llm_call") == one * 50
    assert ledger.one("SELECT sum(cost) FROM quarter") == one * 50
    assert ledger.one("SELECT sum(input_uncached) FROM llm_call") == LARGEST_COUNT * 50
    assert ledger.consistent()


def test_a_cost_that_no_row_can_hold_is_refused(engine: object) -> None:
    ledger = Ledger(engine, PriceList(models={"m1": flat_rate(10**9)}))
    applied = ledger.put([event(1), event(2, usage=Usage(input_uncached=LARGEST_COUNT))], 1)
    assert (applied.stored, applied.refused.total()) == (1, 1)
    assert ledger.engine.query("SELECT batch, received, source, id, reason FROM refusal") == [
        (1, 1000, "s", "call-2", "too_large")
    ]


def test_late_calls_and_batches_out_of_order_land_in_their_own_day(ledger: Ledger) -> None:
    day = NOON.date().toordinal() - 719_163
    ledger.put([event(1), event(2, minutes=12 * 60), event(3, minutes=12 * 60 - 1e-6 / 60)], 5)
    ledger.put([event(4, minutes=-30 * 24 * 60), event(5, minutes=-12 * 60)], 6)
    found = dict(ledger.engine.query("SELECT id, day FROM llm_call"))
    assert found == {"call-1": day, "call-2": day + 1, "call-3": day, "call-4": day - 30, "call-5": day}
    quarters = ledger.engine.query("SELECT quarter, sum(events) FROM quarter GROUP BY quarter")
    assert sum(events for _, events in quarters) == 5
    # The same id on another day, or from another source, is another call.
    assert ledger.put([event(1, minutes=24 * 60), event(1, source="other")], 7).stored == 2
    assert ledger.consistent()
