"""What a candidate changes, and what of it waits for a person."""

from __future__ import annotations

from fractions import Fraction

import pytest

from stackledger.ledger.prices.book import PriceBook, Window
from stackledger.ledger.prices.update import Change, Kind, diff, needs_approval
from tests.unit.ledger.prices.samples import always, at_us, book, line, named, rate

CHANGE = at_us("2026-11-20")
SWIFT = ("acme", "swift", "", "")


def _one(old: int | None, new: int | None) -> list[Change]:
    return diff(book(line("swift", always(rate(output=old)))), book(line("swift", always(rate(output=new)))))


@pytest.mark.parametrize(
    ("old", "new", "kind", "share", "waits"),
    [
        (100, 120, Kind.MOVED, Fraction(1, 5), False),
        (100, 121, Kind.MOVED, Fraction(21, 100), True),
        (100, 80, Kind.MOVED, Fraction(-1, 5), False),
        (100, 79, Kind.MOVED, Fraction(-21, 100), True),
        (0, 1, Kind.MOVED, None, True),
        (100, 0, Kind.MOVED, Fraction(-1), True),
        (None, 100, Kind.KNOWN, None, False),
        (100, None, Kind.LOST, None, True),
    ],
)
def test_a_moved_price(old: int | None, new: int | None, kind: Kind, share: Fraction | None, waits: bool) -> None:  # noqa: FBT001
    (change,) = _one(old, new)
    assert (change.kind, change.bucket, change.old, change.new, change.share) == (kind, "output", old, new, share)
    assert bool(needs_approval([change])) is waits


def test_the_limit_is_a_choice() -> None:
    changes = _one(100, 106)
    assert needs_approval(changes, Fraction(6, 100)) == ()
    assert needs_approval(changes, Fraction(5, 100)) == tuple(changes)


def test_models_come_and_go() -> None:
    old, new = book(line("swift", always(rate(output=1)))), book(line("quick", always(rate(output=1))))
    changes = diff(old, new)
    assert changes == [Change(Kind.DELETED, *SWIFT), Change(Kind.ADDED, "acme", "quick")]
    assert needs_approval(changes) == (changes[0],)


def test_only_calls_to_come_count_and_every_tier_and_hour_of_them() -> None:
    def dated(past: int, night: int, above: int) -> PriceBook:
        return book(
            line(
                "swift",
                Window(((0, rate(output=past)),), until_us=CHANGE),
                Window(((0, rate(output=night)), (9, rate(output=above))), since_us=CHANGE + 5, day_s=(0, 60)),
            )
        )

    old = dated(1, 2, 3)
    assert diff(old, dated(100, 2, 3), CHANGE) == []
    assert diff(old, dated(1, 20, 3), CHANGE) == [Change(Kind.MOVED, *SWIFT, "output", 2, 20)]
    assert diff(old, dated(1, 2, 30), CHANGE) == [Change(Kind.MOVED, *SWIFT, "output", 3, 30)]
    assert diff(old, dated(100, 2, 3)) == [Change(Kind.MOVED, *SWIFT, "output", 1, 100)]


def test_a_name_that_passes_to_a_dearer_line_is_told() -> None:
    lines = line("swift", always(rate(output=1))), line("quick", always(rate(output=9)))
    old = book(*lines, models=(named("swift", "swift", "latest"), named("quick")))
    new = book(*lines, models=(named("swift"), named("quick", "quick", "latest")))
    (change,) = diff(old, new)
    assert change == Change(Kind.RENAMED, "acme", "latest", "", "", "output", 1, 9)
    assert needs_approval([change]) == (change,)


def test_a_published_book_does_not_differ_from_itself(published: PriceBook) -> None:
    assert diff(published, published) == []
