"""A server's folder: configuration, data and logs under the system's temporary directory, gone when the server stops.

Owns creation, ownership and removal, also of folders that a killed process left behind.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TypedDict

from lab.procfs import start_ticks

_PREFIX = "stackledger-lab-"
_REMOVE_SECONDS = 5.0
_NAME = re.compile(rf"{_PREFIX}(\d+)-(\d+)-")


def create(name: str) -> Path:
    """A new folder that every user may pass through but only its owner may list; the caller removes it."""
    _remove_abandoned()
    pid = os.getpid()
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{pid}-{start_ticks(pid) or 0}-{name}-"))
    path.chmod(0o711)
    return path


def subfolder(parent: Path, name: str, *, user: str | None = None) -> Path:
    """A private folder in `parent`, owned by `user` when we are root and a user is given."""
    path = parent / name
    path.mkdir(mode=0o700)
    give(path, user)
    return path


def give(path: Path, user: str | None) -> None:
    """Hand `path` to `user` when one is given (only root can)."""
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(path, account.pw_uid, account.pw_gid)


def remove(path: Path) -> None:
    """Delete the folder and all in it; what is already gone is fine.

    Again for a few seconds: the children of a program that was cut off, as of initdb, may write a last file.
    """
    deadline = time.monotonic() + _REMOVE_SECONDS
    while path.exists() and time.monotonic() < deadline:
        shutil.rmtree(path, ignore_errors=True)
        if path.exists():
            time.sleep(0.05)


def unprivileged_user(*preferred: str) -> str | None:
    """The first existing one of the preferred users, or nobody, when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    return next((user for user in (*preferred, "nobody") if user in accounts), None)


class Identity(TypedDict, total=False):
    """The arguments of subprocess that set who runs the program."""

    user: int
    group: int
    extra_groups: list[int]


def run_as(user: str | None) -> Identity:
    """Arguments for subprocess to run as `user` and with that user's group alone; none when no user is given."""
    if user is None:
        return {}
    account = pwd.getpwnam(user)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _remove_abandoned() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        match = _NAME.match(path.name)
        if match and start_ticks(int(match[1])) != int(match[2]):
            remove(path)
