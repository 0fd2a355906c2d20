"""Books in force: who asked, who approved, from when; and a crash or a quarrel between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stackledger.clock import ManualClock
from stackledger.errors import ConfigError
from stackledger.ledger.buckets import Usage
from stackledger.ledger.prices.book import Line, PriceBook, cost
from stackledger.ledger.prices.history import Entry, History, Pending
from stackledger.ledger.prices.resolve import Resolver
from tests.unit.ledger.prices.samples import always, at_us, book, line, rate

NOON = at_us("2026-11-20T12:00")
FIRST = book(line("swift", always(rate(input_uncached=100))))
SMALL = book(line("swift", always(rate(input_uncached=110))), source="hand 2", day="2026-11-19")
LARGE = book(line("swift", always(rate(input_uncached=200))), source="hand 3", day="2026-11-19")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON / 1e6)


@pytest.fixture
def history(tmp_path: Path, clock: ManualClock) -> History:
    made = History(tmp_path / "prices", clock)
    made.propose(FIRST, "ada")
    return made


def _cost(history: History, when: int) -> int | None:
    current = history.in_force()
    assert current is not None
    found = Resolver(current).line("acme", "swift")
    assert isinstance(found, Line)
    return cost(found.rate_at(when, 1), Usage(input_uncached=1))


def test_the_first_book_is_in_force_at_once(history: History, tmp_path: Path) -> None:
    assert history.in_force() == FIRST
    (entry,) = history.entries()
    assert (entry.version, entry.requester, entry.approver, entry.effective_us) == (FIRST.version, "ada", "", None)
    assert History(tmp_path / "elsewhere", ManualClock()).in_force() is None
    assert History(tmp_path / "elsewhere", ManualClock()).age_days() is None


def test_a_small_move_is_in_force_from_now_on(history: History) -> None:
    entry = history.propose(SMALL, "ada")
    assert isinstance(entry, Entry)
    assert (entry.replaces, entry.effective_us, entry.source) == (FIRST.version, NOON, "hand 2")
    assert (_cost(history, NOON - 1), _cost(history, NOON)) == (100, 110)
    assert history.book(FIRST.version) == FIRST


def test_a_large_move_waits_and_somebody_else_approves_it(history: History, clock: ManualClock) -> None:
    staged = history.propose(LARGE, "Ada")
    assert isinstance(staged, Pending)
    assert [(change.old, change.new) for change in staged.reasons] == [(100, 200)]
    assert history.pending() == staged
    assert _cost(history, NOON + 1) == 100
    for same_person in ("Ada", " ada "):
        with pytest.raises(ConfigError, match="somebody else"):
            history.approve(same_person, "finance")
    entry = history.approve("grace", "finance")
    assert (entry.requester, entry.approver, entry.role, entry.approved_us) == ("Ada", "grace", "finance", NOON)
    assert history.pending() is None
    assert (_cost(history, NOON - 1), _cost(history, NOON)) == (100, 200)
    with pytest.raises(ConfigError, match="no change waits"):
        history.approve("grace", "finance")


def test_calls_priced_while_a_change_waited_stay_priced(history: History, clock: ManualClock) -> None:
    history.propose(LARGE, "ada")
    clock.step_wall(3600)
    entry = history.approve("grace", "finance")
    assert entry.effective_us == NOON + 3_600_000_000
    assert (_cost(history, NOON + 3_599_999_999), _cost(history, NOON + 3_600_000_000)) == (100, 200)


def test_a_change_may_be_ordered_for_a_day_to_come(history: History) -> None:
    december = at_us("2026-12-01")
    history.propose(LARGE, "ada", effective_us=december)
    history.approve("grace", "finance")
    assert (_cost(history, december - 1), _cost(history, december)) == (100, 200)


def test_a_dated_correction_changes_only_calls_from_its_day_on(history: History, clock: ManualClock) -> None:
    history.propose(SMALL, "ada")
    clock.step_wall(60)
    first_of_month = at_us("2026-11-01")
    with pytest.raises(ConfigError, match="has passed"):
        history.propose(SMALL, "ada", effective_us=first_of_month)
    staged = history.propose(SMALL, "ada", effective_us=first_of_month, correction=True)
    assert isinstance(staged, Pending)  # however small: it changes bills that people have seen
    entry = history.approve("grace", "finance")
    assert entry.correction
    assert [_cost(history, at) for at in (0, first_of_month - 1, first_of_month, NOON)] == [100, 100, 110, 110]
    old = history.book(entry.replaces)
    assert old.version == history.entries()[1].version  # the old values are still there to compare with


def test_one_change_at_a_time(history: History) -> None:
    history.propose(LARGE, "ada")
    with pytest.raises(ConfigError, match="asked for by ada waits"):
        history.propose(SMALL, "grace")
    assert history.withdraw().requester == "ada"
    assert isinstance(history.propose(SMALL, "grace"), Entry)


def test_a_change_staged_against_another_book_is_not_approved(history: History, tmp_path: Path) -> None:
    history.propose(LARGE, "ada")
    waiting = tmp_path / "prices" / "pending.json"
    kept = waiting.read_bytes()
    history.withdraw()
    history.propose(SMALL, "ada")
    waiting.write_bytes(kept)
    with pytest.raises(ConfigError, match="has changed since"):
        history.approve("grace", "finance")


def test_a_deleted_model_waits_and_then_keeps_its_price(history: History) -> None:
    staged = history.propose(book(line("other", always(rate(input_uncached=1)))), "ada")
    assert isinstance(staged, Pending)
    history.approve("grace", "finance")
    assert _cost(history, NOON + 1) == 100


def test_a_book_older_than_the_one_in_force_waits(history: History) -> None:
    staged = history.propose(
        book(line("swift", always(rate(input_uncached=101))), source="hand 0", day="2026-10-01"), "ada"
    )
    assert isinstance(staged, Pending)
    assert staged.reasons == ()
    assert staged.notes == ("its prices are of 2026-10-01, and those in force of 2026-11-01",)


def test_the_same_book_again_is_no_change(history: History) -> None:
    before = history.entries()
    assert history.propose(FIRST, "grace") == before[-1]
    assert history.entries() == before


@pytest.mark.parametrize(("name", "role"), [("", "finance"), ("grace", " ")])
def test_an_approval_has_a_name_and_a_role(history: History, name: str, role: str) -> None:
    history.propose(LARGE, "ada")
    with pytest.raises(ConfigError, match="is missing"):
        history.approve(name, role)


def test_the_age_is_of_the_source_and_in_days(history: History, clock: ManualClock) -> None:
    assert history.age_days() == 19
    clock.step_wall(86_400)
    assert history.age_days() == 20
    history.propose(SMALL, "ada")
    assert history.age_days() == 2


def test_a_crash_before_the_index_is_written_leaves_the_old_book(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(path: Path, data: bytes) -> None:
        raise OSError(f"no {path.name} of {len(data)} bytes")

    with monkeypatch.context() as patched:
        patched.setattr("stackledger.ledger.prices.history.replace", power_cut)
        with pytest.raises(OSError, match=r"index\.json"):
            history.propose(SMALL, "ada")
    assert history.in_force() == FIRST
    assert isinstance(history.propose(SMALL, "ada"), Entry)


def test_a_spoilt_index_is_refused_by_name(history: History, tmp_path: Path) -> None:
    (tmp_path / "prices" / "index.json").write_text("{")
    with pytest.raises(ConfigError, match=r"index\.json"):
        history.in_force()


def test_the_index_reads_as_plain_json(history: History, tmp_path: Path) -> None:
    history.propose(LARGE, "ada")
    history.approve("grace", "finance")
    entries = json.loads((tmp_path / "prices" / "index.json").read_text())
    assert [entry.get("approver", "") for entry in entries] == ["", "grace"]
    for entry in entries:
        assert (tmp_path / "prices" / "books" / f"{entry['version']}.json").exists()


def test_a_published_book_after_a_published_book(tmp_path: Path, clock: ManualClock, published: PriceBook) -> None:
    history = History(tmp_path / "prices", clock)
    history.propose(published, "ada")
    staged = history.propose(FIRST, "ada")
    assert isinstance(staged, Pending)
    assert len(staged.reasons) == len(published.lines)
