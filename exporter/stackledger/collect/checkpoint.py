"""The states of targets on disk, so that counters kept in the service survive its restart.

One small file per target, replaced atomically. A file that cannot be read or is of another shape is set aside: the
counters then begin at 0 again, which `stackledger_state_start_timestamp_seconds` shows.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import TypeVar

import msgspec

from stackledger.collect.integration import State

_LOG = logging.getLogger(__name__)
_SCHEMA = 1

T = TypeVar("T", bound=State)


class _Envelope(msgspec.Struct):
    schema: int
    kind: str
    began: float
    state: msgspec.Raw


class Checkpoints:
    """States under a directory; without one nothing is kept and every start begins anew."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._writing = threading.Lock()  # the minute's save and a target's last one may meet

    def load(self, target: str, kind: type[T], now: float) -> tuple[T, float]:
        """The state of a target and when its counters began; a new one where none can be read."""
        path = self._path(target)
        if path is None:
            return kind(), now
        try:
            envelope = msgspec.msgpack.decode(path.read_bytes(), type=_Envelope)
            if (envelope.schema, envelope.kind) != (_SCHEMA, kind.__qualname__):
                raise ValueError(f"it is of schema {envelope.schema}, kind {envelope.kind}")  # noqa: TRY301
            return msgspec.msgpack.decode(envelope.state, type=kind), envelope.began
        except FileNotFoundError:
            return kind(), now
        except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
            _LOG.warning("state set aside, counters begin at 0", extra={"target": target, "reason": str(error)})
            with contextlib.suppress(OSError):
                path.replace(path.with_suffix(".unreadable"))
            return kind(), now

    def save(self, target: str, state: State, began: float) -> None:
        """Write the state; a failure is logged and costs nothing but the checkpoint."""
        path = self._path(target)
        if path is None:
            return
        try:
            with self._writing:
                raw = msgspec.Raw(msgspec.msgpack.encode(state))
                _write(path, msgspec.msgpack.encode(_Envelope(_SCHEMA, type(state).__qualname__, began, raw)))
        except (OSError, ValueError, TypeError, OverflowError) as error:  # the disk, or a state that msgspec refuses
            _LOG.warning("state not saved", extra={"target": target, "reason": str(error)})

    def forget(self, target: str) -> None:
        """Remove the state of a target that is read no more: if it comes back, its counters begin anew."""
        path = self._path(target)
        if path is None:
            return
        try:
            with self._writing:
                path.unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("state not removed", extra={"target": target, "reason": str(error)})

    def _path(self, target: str) -> Path | None:
        return None if self._directory is None else self._directory / f"{target}.state"


def _write(path: Path, data: bytes) -> None:
    """Replace the file as a whole: a crash leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
