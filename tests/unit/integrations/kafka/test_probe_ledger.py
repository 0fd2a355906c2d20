"""The probe's ledger: what each message is counted as, whatever the order in which its fate is told."""

from __future__ import annotations

import msgspec
import pytest

from stackledger.integrations.kafka.probe import ledger as ledgers
from stackledger.integrations.kafka.probe.ledger import Ledger, Letter, decode
from stackledger.integrations.kafka.probe.memory import BOUNDS, Distribution, Place, ProbeMemory, Tally

AT: Place = (0, 1)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("run", timeout=10.0)


def tally(ledger: Ledger, place: Place = AT) -> Tally:
    return ledger.drain().get(place, Tally())


def test_a_round_trip(ledger: Ledger) -> None:
    letter = ledger.send(AT, 100.0)
    assert ledger.in_flight() == {0: 1}
    ledger.acknowledged(letter.sequence, 100.004)
    ledger.received(letter.encode(), AT, 100.006)
    seen = tally(ledger)
    assert (seen.sent, seen.received, seen.lost, seen.failed, seen.stray) == (1, 1, 0, {}, {})
    assert seen.produce.total == pytest.approx(0.004)
    assert seen.round_trip.total == pytest.approx(0.006)
    assert ledger.last == {1: 100.006}
    assert not ledger.in_flight()
    ledger.expire(1000.0)
    assert not ledger.drain()


def test_the_consumer_may_be_told_first(ledger: Ledger) -> None:
    letter = ledger.send(AT, 100.0)
    ledger.received(letter.encode(), AT, 100.006)
    ledger.acknowledged(letter.sequence, 100.007)
    ledger.expire(1000.0)
    seen = tally(ledger)
    assert (seen.received, seen.lost, seen.produce.count) == (1, 0, 1)


def test_lost_counts_from_the_acknowledgement_and_late_takes_it_off_the_missing(ledger: Ledger) -> None:
    letter = ledger.send(AT, 100.0)
    ledger.acknowledged(letter.sequence, 109.0)
    ledger.expire(118.9)
    assert tally(ledger).lost == 0
    ledger.expire(119.0)
    assert tally(ledger).lost == 1
    assert ledger.missing(120.0) == {1: 1}
    ledger.received(letter.encode(), AT, 125.0)
    seen = tally(ledger)
    assert (seen.received, seen.stray) == (1, {"late": 1})
    assert seen.round_trip.total == pytest.approx(25.0)
    assert not ledger.missing(125.0)


def test_a_loss_is_missing_for_as_long_as_the_topic_keeps_it(ledger: Ledger) -> None:
    letter = ledger.send(AT, 0.0)
    ledger.acknowledged(letter.sequence, 0.0)
    ledger.expire(10.0)
    assert ledger.missing(609.0) == {1: 1}
    assert not ledger.missing(610.0)


def test_failed_and_written_all_the_same(ledger: Ledger) -> None:
    letter = ledger.send(AT, 100.0)
    ledger.failed(letter.sequence, "timed_out", 110.0)
    ledger.received(letter.encode(), AT, 111.0)
    ledger.received(letter.encode(), AT, 112.0)
    ledger.failed(letter.sequence, "timed_out", 113.0)
    seen = tally(ledger)
    assert (seen.sent, seen.received, seen.failed) == (1, 0, {"timed_out": 1})
    assert seen.stray == {"failed": 1, "duplicate": 1}
    assert not ledger.last  # nothing that was refused proves that writing works


def test_duplicates_before_and_after_the_end(ledger: Ledger) -> None:
    letter = ledger.send(AT, 100.0)
    for at in (100.1, 100.2):
        ledger.received(letter.encode(), AT, at)
    ledger.acknowledged(letter.sequence, 100.3)
    ledger.received(letter.encode(), AT, 100.4)
    seen = tally(ledger)
    assert (seen.received, seen.stray) == (1, {"duplicate": 2})
    assert seen.round_trip.count == 1


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\xff\xfe",
        b"hello",
        b"stackledger-probe run x 1.0",
        Letter("other", 1, 0.0).encode(),
        Letter("run", 99, 0.0).encode(),
    ],
)
def test_what_is_not_ours_is_foreign(ledger: Ledger, value: bytes | None) -> None:
    ledger.send(AT, 100.0)
    ledger.received(value, (3, 2), 101.0)
    assert tally(ledger, (3, 2)).stray == {"foreign": 1}
    assert ledger.in_flight() == {0: 1}


def test_a_letter_reads_as_it_was_written() -> None:
    letter = Letter("0123456789abc", 7, 12345.678901234)
    assert decode(letter.encode()) == letter
    assert len(letter.encode()) < 70


def test_the_memory_of_the_ended_is_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "_REMEMBERED", 10)
    letters = [ledger.send(AT, 0.0) for _ in range(30)]
    for letter in letters:
        ledger.failed(letter.sequence, "other", 0.0)
    ledger.received(letters[0].encode(), AT, 1.0)
    ledger.received(letters[-1].encode(), AT, 1.0)
    assert tally(ledger).stray == {"foreign": 1, "failed": 1}


def test_durations_fall_into_the_bucket_that_holds_them() -> None:
    times = Distribution()
    for seconds in (0.0005, 0.001, 0.0011, 30.0, 31.0):
        times.observe(seconds)
    assert times.buckets[0] == (0.001, 2)
    assert times.buckets[1] == (0.0025, 3)
    assert times.buckets[-1] == (BOUNDS[-1], 4)
    assert times.count == 5


def test_other_bounds_of_an_older_release_begin_anew() -> None:
    times = Distribution(counts=[5, 5], total=9.0)
    more = Distribution()
    more.observe(0.1)
    times.add(more)
    assert times.count == 1
    assert times.total == pytest.approx(0.1)


def test_memory_sums_by_broker_and_by_partition_and_survives_a_checkpoint(ledger: Ledger) -> None:
    memory = ProbeMemory()
    for place in ((0, 1), (0, 2), (1, 2)):
        ledger.failed(ledger.send(place, 0.0).sequence, "timed_out", 10.0)
    memory.add(ledger.drain())
    memory.keep({0: 1, 1: 2, 2: 3}, brokers=(1, 2, 3))
    memory = msgspec.msgpack.decode(msgspec.msgpack.encode(memory), type=ProbeMemory)
    assert {broker: row.sent for broker, row in memory.brokers.items()} == {1: 1, 2: 2, 3: 0}
    assert {partition: row.sent for partition, row in memory.partitions.items()} == {0: 2, 1: 1, 2: 0}
    memory.keep({0: 1, 1: 1}, brokers=(1, 2))  # broker 3 is gone for good, broker 2 only leads nothing
    assert memory.brokers.keys() == {1, 2}
    assert memory.partitions.keys() == {0, 1}
    assert memory.partitions[0].failed == {"timed_out": 2}
