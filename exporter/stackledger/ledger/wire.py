"""Asking a ledger that another process holds, over a Unix socket in the data directory.

A frame is four bytes of length and JSON. One connection carries one question at a time. The socket's file is readable
for its owner alone: whoever may read the data directory may ask.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from stackledger.errors import QuestionError, StackledgerError, StorageError, UnreachableError

_LOG = logging.getLogger(__name__)
_LENGTH: Final = struct.Struct(">I")
_LARGEST: Final = 1 << 30
_ERRORS: Final[dict[str, type[StackledgerError]]] = {"question": QuestionError, "storage": StorageError}

SOCKET: Final = "ledger.sock"
"""The socket's name in the data directory."""


class Call(msgspec.Struct):
    """A question: a method's name and its request."""

    method: str
    request: msgspec.Raw


class Answer(msgspec.Struct, omit_defaults=True):
    """A reply, or the kind and text of an error."""

    reply: msgspec.Raw = msgspec.Raw(b"null")
    error: str = ""
    message: str = ""


Handler = Callable[[str, bytes], Awaitable[bytes]]
"""From a method's name and its request to its reply, both JSON. Raises StackledgerError."""


async def serve(path: Path, handler: Handler) -> asyncio.Server:
    """Listen at `path`; a socket that a dead process left there is replaced."""
    await asyncio.to_thread(path.unlink, missing_ok=True)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                if size > _LARGEST:
                    return
                answer = msgspec.json.encode(await _answer(handler, await reader.readexactly(size)))
                writer.write(_LENGTH.pack(len(answer)) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the other side is through
        finally:
            writer.close()

    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(talk, path)
    finally:
        os.umask(before)


async def _answer(handler: Handler, body: bytes) -> Answer:
    try:
        call = msgspec.json.decode(body, type=Call)
        return Answer(msgspec.Raw(await handler(call.method, bytes(call.request))))
    except msgspec.MsgspecError as error:
        return Answer(error="question", message=f"the question cannot be read: {error}")
    except StackledgerError as error:
        kind = next((name for name, one in _ERRORS.items() if isinstance(error, one)), "storage")
        return Answer(error=kind, message=str(error))
    except Exception:  # noqa: BLE001 - the edge of the process: a defect in one answer must not end the others
        _LOG.exception("defect while answering a question")
        return Answer(error="storage", message="a defect of the ledger; its log tells more")


def ask(path: Path, method: str, request: Any, reply: Any, timeout_seconds: float = 60.0) -> Any:
    """Ask from a program that waits. Raises UnreachableError when nobody answers there, else what the ledger raised."""
    body = msgspec.json.encode(Call(method, msgspec.Raw(msgspec.json.encode(request))))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_seconds)
        try:
            connection.connect(str(path))
            connection.sendall(_LENGTH.pack(len(body)) + body)
            (size,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
            answer = _exactly(connection, size)
        except OSError as error:
            raise UnreachableError(f"the ledger does not answer at {path}: {error}") from error
    return understood(answer, reply)


async def ask_async(path: Path, method: str, request: Any, reply: Any) -> Any:
    """Ask without blocking; the caller bounds the time. Raises as `ask` does."""
    body = msgspec.json.encode(Call(method, msgspec.Raw(msgspec.json.encode(request))))
    try:
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            writer.write(_LENGTH.pack(len(body)) + body)
            (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            answer = await reader.readexactly(size)
        finally:
            writer.close()
    except (OSError, asyncio.IncompleteReadError) as error:
        raise UnreachableError(f"the ledger does not answer at {path}: {error}") from error
    return understood(answer, reply)


def understood(body: bytes, reply: Any) -> Any:
    """The reply in a frame. Raises what the ledger raised."""
    answer = msgspec.json.decode(body, type=Answer)
    if answer.error:
        raise _ERRORS.get(answer.error, StorageError)(answer.message)
    return msgspec.json.decode(answer.reply, type=reply)


def _exactly(connection: socket.socket, size: int) -> bytes:
    pieces = []
    while size:
        piece = connection.recv(min(size, 1 << 20))
        if not piece:
            raise ConnectionResetError("the connection ended in the middle of an answer")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
