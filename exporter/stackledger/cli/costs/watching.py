"""A line that tells a person how far long work is, while it goes on elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

from stackledger.errors import StackledgerError

_EVERY_SECONDS = 0.5


@contextlib.contextmanager
def watched(told: Callable[[], str]) -> Iterator[None]:
    """Show what `told` says every half second, where a person watches standard error; gone at the end."""
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()

    def show() -> None:
        with contextlib.suppress(StackledgerError):  # whoever does the work tells what is wrong
            while not ended.wait(_EVERY_SECONDS):
                sys.stderr.write(f"\r\x1b[K{told()}")
                sys.stderr.flush()

    showing = threading.Thread(target=show, daemon=True)
    showing.start()
    try:
        yield
    finally:
        ended.set()
        showing.join()
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
