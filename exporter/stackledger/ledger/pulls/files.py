"""Bills in FOCUS that a cloud's export job drops as files.

All files of a pattern are read together whenever one of them is new or has changed: a billing period may be spread over
several. A file that was written to within the last minute is left to finish.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stackledger.errors import ConnectError, ProtocolError, QuestionError
from stackledger.ledger.charges import focus
from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.charges.rows import identified

_FINISHED_SECONDS: Final = 60
_PIECE: Final = 1 << 20


def found(pattern: Path, now: float) -> list[Path]:
    """The files. Raises ConnectError where there is none, or one of them is still being written."""
    try:
        files = sorted(
            path for path in Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))) if path.is_file()
        )
        if not files:
            raise ConnectError(f"no file matches {pattern}: has the export job run, and may we read it?")
        for path in files:
            if 0 <= now - path.stat().st_mtime < _FINISHED_SECONDS:
                raise ConnectError(f"{path} is being written: it is read a minute after that")
    except OSError as error:
        raise ConnectError(f"{pattern}: {error}") from error
    return files


def fingerprint(files: Sequence[Path], stop: threading.Event) -> str:
    """Changes with the names and contents of the files. Ends early, with ConnectError, once `stop` is set."""
    digest = hashlib.sha256()
    try:
        for path in files:
            digest.update(str(path).encode() + b"\0")
            with path.open("rb") as opened:
                while piece := opened.read(_PIECE):
                    _go_on(stop)
                    digest.update(piece)
            digest.update(b"\0")
    except OSError as error:
        raise ConnectError(f"the files cannot be read: {error}") from error
    return digest.hexdigest()


def charges(files: Sequence[Path], seen: str, source: str, stop: threading.Event) -> list[Charge]:
    """All lines, identified, as those of a source; `seen` is the files' fingerprint before.

    Raises ProtocolError that names wrong rows. Ends early, with ConnectError, between two files once `stop` is set.
    """
    try:
        lines: list[Charge] = []
        for path in files:
            _go_on(stop)
            lines += focus.charges(str(path), source)
    except QuestionError as error:
        raise ProtocolError(str(error)) from error
    if fingerprint(files, stop) != seen:
        raise ConnectError("a file changed while it was read: it is read again later")
    return identified(lines)


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise ConnectError("reading the files was given up")
