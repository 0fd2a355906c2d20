"""Free TCP ports on loopback, held for one process so that parallel test runs never pick the same ones.

Owns the choice and the reservation; does not keep a socket open on the port (the server needs it).
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

LOWEST = 11_000
HIGHEST = 32_767  # the kernel hands out 32768 and above to outgoing connections
REDIS_BUS_OFFSET = 10_000


class NoFreePortError(RuntimeError):
    """No port was free; says how many were asked for and where the locks are."""


class Reservation:
    """Ports that no other lab takes until close(); the kernel frees them too, however this process ends."""

    def __init__(self, ports: list[int], locks: list[int]) -> None:
        self.ports = ports
        self._locks = locks

    def close(self) -> None:
        """Give the ports back; a second call does nothing."""
        while self._locks:
            os.close(self._locks.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def reserve(count: int, *, companion: int = 0) -> Reservation:
    """`count` free ports below 32768; with a companion offset, port + companion is free, held and below 32768 too."""
    chosen = Reservation([], [])
    try:
        for port in _candidates(HIGHEST - companion):
            _take(chosen, port, companion=companion)
            if len(chosen.ports) == count:
                return chosen
    except BaseException:
        chosen.close()
        raise
    chosen.close()
    raise NoFreePortError(
        f"{count} free ports between {LOWEST} and {HIGHEST} not found; locks are in {_lock_directory()}"
    )


def is_free(port: int) -> bool:
    """True when nothing listens on 127.0.0.1:port (a connection in TIME_WAIT does not count)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    """True when a TCP connection to 127.0.0.1:port is accepted within a second."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _candidates(highest: int) -> Iterator[int]:
    span = highest - LOWEST + 1
    start = random.randrange(span)
    return (LOWEST + (start + step) % span for step in range(span))


def _take(chosen: Reservation, port: int, *, companion: int) -> None:
    wanted = [port, port + companion] if companion else [port]
    locks: list[int] = []
    for number in wanted:
        lock = _lock(number)
        if lock is not None:
            locks.append(lock)
        if lock is None or not is_free(number):
            Reservation([], locks).close()
            return
    chosen._locks.extend(locks)  # noqa: SLF001 - the reservation is being built here
    chosen.ports.append(port)


def _lock(port: int) -> int | None:
    descriptor = os.open(_lock_directory() / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _lock_directory() -> Path:
    directory = Path(tempfile.gettempdir()) / f"stackledger-lab-ports-{os.geteuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory
