from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import threading

import pytest

from stackledger.errors import StorageError, StorageFullError
from stackledger.ledger.inbox import Backlog, Committer, Inbox, Kept, Waiting


def _body(number: int, size: int = 10) -> Waiting:
    return Waiting(number, 3, bytes([number % 256]) * size)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "inbox.sqlite"


@pytest.fixture
def inbox(path):
    one = Inbox(path)
    yield one
    one.close()


def test_what_was_kept_is_read_in_order_by_another_connection(inbox, path):
    inbox.append([_body(1), _body(2)])
    inbox.append([_body(3)])
    other = Inbox(path)
    assert other.read(0, 100) == [Kept(n, n, 3, bytes([n]) * 10) for n in (1, 2, 3)]
    assert [one.seq for one in other.read(1, 100)] == [2, 3]
    other.close()


def test_a_read_ends_when_it_has_events_enough_and_gives_at_least_one_batch(inbox):
    inbox.append([_body(n) for n in range(1, 6)])
    assert [one.seq for one in inbox.read(0, 6)] == [1, 2]
    assert [one.seq for one in inbox.read(0, 1)] == [1]


def test_a_number_never_comes_back_after_its_batch_was_forgotten(inbox, path):
    inbox.append([_body(1), _body(2)])
    assert inbox.applied(2, forget_before_us=10) == 2
    inbox.close()
    again = Inbox(path)
    again.append([_body(3)])
    assert [one.seq for one in again.read(0, 100)] == [3]
    assert again.last() == 3
    again.close()


def test_what_was_applied_stays_until_it_is_old_enough(inbox):
    inbox.append([_body(5), _body(9)])
    assert inbox.applied(2, forget_before_us=6) == 1
    assert [one.received_us for one in inbox.read(0, 100)] == [9]


def test_what_was_not_applied_is_never_forgotten(inbox):
    inbox.append([_body(1), _body(2)])
    inbox.applied(1, forget_before_us=10**9)
    assert [one.seq for one in inbox.read(0, 100)] == [2]
    assert inbox.backlog() == Backlog(1, 3, 2)


def test_the_room_of_what_was_forgotten_is_used_again(inbox, path):
    sizes = []
    for turn in range(6):
        inbox.append([_body(turn, 100_000) for _ in range(10)])
        inbox.applied(inbox.last(), forget_before_us=10**9)
        sizes.append(path.stat().st_size)
    assert sizes[-1] <= 2 * sizes[1]


def test_an_inbox_that_was_made_anew_goes_on_above_what_the_ledger_has(inbox):
    inbox.append([_body(1), _body(2)])
    inbox.go_on_after(500)
    assert [(one.seq, one.received_us) for one in inbox.read(500, 100)] == [(501, 1), (502, 2)]
    assert inbox.append([_body(3)]) == [503]
    assert inbox.backlog() == Backlog(3, 9, 1)
    inbox.go_on_after(502)
    assert inbox.append([_body(4)]) == [504]


def test_an_empty_inbox_that_was_made_anew_goes_on_above_what_the_ledger_has(inbox):
    inbox.go_on_after(7)
    assert inbox.append([_body(1)]) == [8]


def test_an_inbox_of_a_newer_format_is_left_alone(path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StorageError, match="newer"):
        Inbox(path)


def test_what_is_no_inbox_is_told_with_its_place(path):
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StorageError, match=str(path)):
        Inbox(path)


def test_many_threads_and_two_committers_lose_nothing(path):
    committers = [Committer(path), Committer(path)]

    def send(lane: int) -> None:
        for number in range(25):
            committers[lane % 2].submit(Waiting(lane * 1000 + number, 1, b"x")).result(timeout=60)

    threads = [threading.Thread(target=send, args=(lane,)) for lane in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for one in committers:
        one.close()
    inbox = Inbox(path)
    kept = inbox.read(0, 10**6)
    inbox.close()
    assert sorted(one.received_us for one in kept) == sorted(lane * 1000 + n for lane in range(8) for n in range(25))
    assert [one.seq for one in kept] == sorted(one.seq for one in kept)


_FILLS_THE_DISK = """
import resource, sys
from pathlib import Path
from stackledger.errors import StorageFullError
from stackledger.ledger.inbox import Inbox, Waiting
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
inbox = Inbox(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
kept = 0
try:
    while kept < 1000:
        inbox.append([Waiting(kept, 1, bytes(50_000))])
        kept += 1
except Exception as error:
    print(type(error).__name__, kept, len(inbox.read(0, 10**9)))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
inbox.append([Waiting(0, 1, b"again")])
print(len(inbox.read(0, 10**9)))
"""


def test_without_room_it_refuses_keeps_what_it_has_and_goes_on_by_itself(path):
    """The system refuses to let the file grow, as a full disk does."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    told = subprocess.run(
        [sys.executable, "-c", _FILLS_THE_DISK, str(path)],
        capture_output=True, text=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)}, check=True,
    ).stdout.split()  # fmt: skip
    kind, kept, there, later = told[0], int(told[1]), int(told[2]), int(told[3])
    assert kind in (StorageFullError.__name__, StorageError.__name__)
    assert 0 < kept < 1000
    assert there == kept
    assert later == kept + 1
