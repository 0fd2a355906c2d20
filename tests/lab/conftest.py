"""What the lab's own tests look at: processes and folders of one lab, by the folder that they run in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import procfs


def folders_of(pid: int) -> list[Path]:
    """Folders that the lab in process `pid` made."""
    return sorted(Path(tempfile.gettempdir()).glob(f"stackledger-lab-{pid}-*"))


def processes_of(pid: int) -> list[int]:
    """Live processes that run in a folder of the lab in process `pid`."""
    mark, found = f"/stackledger-lab-{pid}-", []
    for entry in Path("/proc").iterdir():
        try:
            inside = entry.name.isdigit() and mark in str((entry / "cwd").readlink())
        except OSError:
            continue
        if inside and procfs.start_ticks(int(entry.name)) is not None:
            found.append(int(entry.name))
    return found


@pytest.fixture
def traces() -> Callable[[int], tuple[list[int], list[Path]]]:
    """`traces(pid)`: (processes, folders) that the lab in process `pid` has now."""
    return lambda pid: (processes_of(pid), folders_of(pid))


@pytest.fixture
def own_processes() -> Callable[[], set[int]]:
    """Processes of the labs in this test run, to compare before and after."""
    return lambda: set(processes_of(os.getpid()))
