"""Fixtures for the renderers: the sample input, its files, and the field's own judges where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stackledger.generate import Inputs, render, write
from tests.unit.generate.sample import sample


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Inputs]:
    """`make(overrides=...)` gives the sample input with changes."""
    runbooks = tmp_path / "written"
    runbooks.mkdir()
    return lambda **changes: sample(runbooks, **changes)


@pytest.fixture
def files(make) -> dict[str, bytes]:
    return render(make())


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., str]:
    """`judge(files, "promtool", "check", ...)` runs a program beside the written files; a failure shows its output."""

    def run(files: dict[str, bytes], program: str, *arguments: str, expect: int = 0) -> str:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: prometheus, prometheus-alertmanager)")
        out = tmp_path / "out"
        write(files, out)
        done = subprocess.run([program, *arguments], cwd=out, capture_output=True, text=True, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    return run
