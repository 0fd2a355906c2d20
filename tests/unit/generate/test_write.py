"""Writing: what differs and nothing else, nobody's work lost, and a run that was cut off can be repeated."""

from __future__ import annotations

import json
import os

import pytest

from stackledger.errors import OutputError
from stackledger.generate.write import MANIFEST, Action, Change, write

FILES = {"a/one.yaml": b"1\n", "a/b/two.yaml": b"2\n", "three.md": b"3\n"}


def _tree(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_what_was_written_needs_no_change(tmp_path):
    assert {change.action for change in write(FILES, tmp_path)} == {Action.ADD}
    before = _tree(tmp_path)
    assert write(FILES, tmp_path, check=True) == ()
    assert write(FILES, tmp_path) == ()
    assert _tree(tmp_path) == before
    assert set(before) == {*FILES, MANIFEST}


def test_only_our_files_are_removed_and_empty_folders_with_them(tmp_path):
    write(FILES, tmp_path)
    (tmp_path / "a" / "mine.txt").write_text("keep")
    changes = write({"three.md": b"3\n"}, tmp_path)
    assert changes == (Change("a/b/two.yaml", Action.REMOVE), Change("a/one.yaml", Action.REMOVE))
    assert set(_tree(tmp_path)) == {"three.md", "a/mine.txt", MANIFEST}
    assert not (tmp_path / "a" / "b").exists()


def test_unchanged_files_are_not_touched(tmp_path):
    write(FILES, tmp_path)
    os.utime(tmp_path / "three.md", (1, 1))
    assert write({**FILES, "a/one.yaml": b"new\n"}, tmp_path) == (Change("a/one.yaml", Action.CHANGE),)
    assert (tmp_path / "three.md").stat().st_mtime == 1


@pytest.mark.parametrize("wanted", [{**FILES, "three.md": b"new\n"}, {"a/one.yaml": b"1\n", "a/b/two.yaml": b"2\n"}])
def test_a_file_edited_by_hand_stops_everything(tmp_path, wanted):
    write(FILES, tmp_path)
    (tmp_path / "three.md").write_bytes(b"mine\n")
    before = _tree(tmp_path)
    with pytest.raises(OutputError, match=r"(?s)three\.md.*alerts\.overrides"):
        write({**wanted, "new.md": b""}, tmp_path)
    assert _tree(tmp_path) == before
    assert Change("three.md", Action.EDITED) in write(wanted, tmp_path, check=True)


def test_a_file_that_was_there_before_us_is_not_overwritten(tmp_path):
    (tmp_path / "three.md").write_bytes(b"somebody's\n")
    with pytest.raises(OutputError, match=r"three\.md"):
        write(FILES, tmp_path)
    assert (tmp_path / "three.md").read_bytes() == b"somebody's\n"


def test_a_deleted_file_is_written_again(tmp_path):
    write(FILES, tmp_path)
    (tmp_path / "three.md").unlink()
    assert write(FILES, tmp_path, check=True) == (Change("three.md", Action.ADD),)
    write(FILES, tmp_path)
    assert (tmp_path / "three.md").read_bytes() == b"3\n"


def test_check_touches_nothing(tmp_path):
    assert len(write(FILES, tmp_path / "out", check=True)) == 3
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("survives", [0, 1, 2, 3])
def test_a_run_that_was_cut_off_is_repeated_even_with_other_input(tmp_path, monkeypatch, survives):
    write(FILES, tmp_path)
    second = {path: content + b"second\n" for path, content in FILES.items()}
    left = [survives + 1]  # the pending manifest goes first
    real = os.fsync

    def failing(descriptor):
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        with pytest.raises(OutputError, match="No space left"):
            write(second, tmp_path)
    for content in _tree(tmp_path).values():
        assert content, "no file is half written"
    third = {"a/one.yaml": b"third\n"}
    write(third, tmp_path)
    assert set(_tree(tmp_path)) == {"a/one.yaml", MANIFEST}


def test_a_damaged_manifest_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_text("[]")
    with pytest.raises(OutputError, match="not a manifest"):
        write(FILES, tmp_path)
    (tmp_path / MANIFEST).write_text(json.dumps({"sha256": {"../../etc/passwd": "0"}}))
    with pytest.raises(OutputError, match="outside"):
        write(FILES, tmp_path)


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "a").write_text("a file where a folder belongs")
    with pytest.raises(OutputError, match="cannot be written"):
        write(FILES, tmp_path)
