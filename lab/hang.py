"""TCP peers that misbehave, one way each, for fault tests.

Owns the sockets and the count of open connections; knows no protocol.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Self

from lab import ports
from lab.process import wait_until


class Fault(StrEnum):
    """What the peer does with a connection."""

    HANG = "hang"
    """Accepts, reads, never answers."""
    REFUSE = "refuse"
    """Nothing listens on the port, and nothing else will take it."""
    GARBAGE = "garbage"
    """Answers every read with random bytes."""
    SLOW = "slow"
    """Sends `answer` (or zero bytes) one byte a second."""
    HALF = "half"
    """Waits for a request, sends the first half of `answer` and closes."""
    RESET = "reset"
    """Waits for a request, then breaks the connection with a reset."""


class Peer:
    """One misbehaving server on `port`; `open` counts connections open now, `accepted` all so far."""

    def __init__(self, fault: Fault | str, *, answer: bytes = b"", seed: int = 1) -> None:
        self.fault = Fault(fault)
        self.port = 0
        self.accepted = 0
        self._answer = answer
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._held = ports.Reservation([], [])

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """Connections open on our side; the other side's close is noticed within a tenth of a second."""
        with self._lock:
            return len(self._connections)

    def start(self) -> Self:
        """Take a port and, unless connections are to be refused, listen on it."""
        self._held = ports.reserve(1)
        self.port = self._held.ports[0]
        if self.fault is not Fault.REFUSE:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            self._run(self._accept)
        return self

    def stop(self) -> None:
        """Close everything and give the port back; a second call does nothing."""
        self._stopping.set()
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for thread in self._threads:
            thread.join(10)
        self._held.close()

    def wait_open(self, count: int, *, timeout: float = 10.0) -> None:
        """Wait until exactly `count` connections are open: 0 shows that a client leaks none."""
        wait_until(lambda: self.open == count, what=f"{count} open connections on {self.address}", timeout=timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        listener = self._listener
        while listener is not None and not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self._connections.add(connection)
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(0.1)
            self._misbehave(connection)
        except OSError:
            pass  # the other side went away, which is its right
        finally:
            connection.close()
            with self._lock:
                self._connections.discard(connection)

    def _misbehave(self, connection: socket.socket) -> None:
        sent, last = 0, 0.0
        while not self._stopping.is_set():
            heard = _read(connection)
            if heard == b"":
                return
            if self.fault is Fault.SLOW and time.monotonic() - last >= 1:
                connection.send(self._answer[sent : sent + 1] or b"\0")
                sent, last = sent + 1, time.monotonic()
            if heard is not None and self._finished(connection):
                return

    def _finished(self, connection: socket.socket) -> bool:
        """Answer one read in the way of the fault; True when that ends the connection."""
        if self.fault is Fault.GARBAGE:
            connection.sendall(self._random.randbytes(256))
        if self.fault is Fault.HALF:
            connection.sendall(self._answer[: len(self._answer) // 2])
        if self.fault is Fault.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return self.fault in (Fault.HALF, Fault.RESET)


def _read(connection: socket.socket) -> bytes | None:
    """What came, empty when the other side closed, None when nothing came for a tenth of a second."""
    try:
        return connection.recv(65_536)
    except TimeoutError:
        return None
