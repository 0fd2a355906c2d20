"""Brings a folder to the rendered state. It removes only what it wrote before and never loses what a person edited.

A manifest lists every file with its hash. Each file is replaced by a rename; a second manifest beside the first says
during the run what is about to be written, so a run that was cut off can be repeated.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from stackledger.errors import OutputError

MANIFEST = "generated-manifest.json"
_PENDING = f".{MANIFEST}.pending"
_VERSION = 1


class Action(StrEnum):
    """What has to happen to a file."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    EDITED = "edited by hand"


@dataclass(frozen=True, slots=True)
class Change:
    """One file that is not as rendered."""

    path: str
    action: Action

    def __str__(self) -> str:
        """`action path`, for a list that a person reads."""
        return f"{self.action}: {self.path}"


def write(files: Mapping[str, bytes], out: Path, *, check: bool = False) -> tuple[Change, ...]:
    """Make `out` hold the files; the changes made, by path. With `check` nothing is touched and they are only listed.

    Raises OutputError that names every file that was edited by hand, or the file that could not be written.
    """
    try:
        known = _manifest(out / MANIFEST), _manifest(out / _PENDING)
        changes = _changes(files, out, *known)
        if not check:
            _refuse_edited(changes)
            _apply(files, out, changes, removed_too=frozenset(known[0]))
    except OSError as error:
        raise OutputError(f"{error.filename or out} cannot be written: {error.strerror}") from error
    return changes


def _changes(
    files: Mapping[str, bytes], out: Path, known: Mapping[str, str], pending: Mapping[str, str]
) -> tuple[Change, ...]:
    found = []
    for path in sorted({*files, *known, *pending}):
        _check_path(path)
        action = _action(files.get(path), _read(out / path), {known.get(path), pending.get(path)} - {None})
        if action is not None:
            found.append(Change(path, action))
    return tuple(found)


def _action(wanted: bytes | None, present: bytes | None, ours: set[str | None]) -> Action | None:
    if wanted == present:
        return None
    if present is None:
        return Action.ADD
    if _hash(present) not in ours:
        return Action.EDITED
    return Action.REMOVE if wanted is None else Action.CHANGE


def _refuse_edited(changes: tuple[Change, ...]) -> None:
    edited = [change.path for change in changes if change.action is Action.EDITED]
    if edited:
        names = "\n".join(f"  {path}" for path in edited)
        raise OutputError(
            f"nothing was written: these files are not as they were generated:\n{names}\n"
            "Move your changes into the configuration (alerts.overrides or extra), then delete the files and generate "
            "again."
        )


def _apply(files: Mapping[str, bytes], out: Path, changes: tuple[Change, ...], *, removed_too: frozenset[str]) -> None:
    manifest = _manifest_bytes(files)
    if not changes and removed_too == frozenset(files):
        (out / _PENDING).unlink(missing_ok=True)
        return
    _replace(out / _PENDING, manifest)
    for change in changes:
        if change.action is Action.REMOVE:
            (out / change.path).unlink(missing_ok=True)
            _prune(out, (out / change.path).parent)
        else:
            _replace(out / change.path, files[change.path])
    _replace(out / MANIFEST, manifest)
    (out / _PENDING).unlink()


def _replace(path: Path, content: bytes) -> None:
    """The whole file or the old one, never a part, whatever happens meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _prune(out: Path, folder: Path) -> None:
    while folder != out and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _manifest_bytes(files: Mapping[str, bytes]) -> bytes:
    hashes = {path: _hash(content) for path, content in sorted(files.items())}
    return (json.dumps({"version": _VERSION, "sha256": hashes}, indent=2) + "\n").encode()


def _manifest(path: Path) -> dict[str, str]:
    content = _read(path)
    if content is None:
        return {}
    try:
        hashes = json.loads(content)["sha256"]
        return {str(name): str(value) for name, value in hashes.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError(
            f"{path} is not a manifest of generated files; restore it from version control, or delete it together "
            "with the generated files"
        ) from error


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_path(path: str) -> None:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise OutputError(f"{path!r} would lie outside the output folder; the manifest is damaged")
