"""Opening a link to one node without blocking, so that whatever ends the attempt, its socket is closed at once.

The driver's own connect leaves a socket that was given up to the garbage collector; a node that hangs would then cost a
file at every sweep.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

from psycopg import pq, waiting
from psycopg.abc import PQGenConn
from psycopg.conninfo import make_conninfo

from stackledger.clients.settings import Tls, split_address
from stackledger.errors import ConnectError
from stackledger.integrations.postgres import failure
from stackledger.integrations.postgres.config import PostgresTarget

LOOK_SECONDS: Final = 10.0  # how often the driver looks up from waiting; it is woken by data anyway
_WAITS: Final = {pq.PollingStatus.READING: waiting.Wait.R, pq.PollingStatus.WRITING: waiting.Wait.W}


async def dial(address: str, settings: PostgresTarget) -> pq.abc.PGconn:
    """An established link. Raises TargetError; the caller bounds the time."""
    host, port = split_address(address)
    parameters = _parameters(settings) | await _found(address, host, port, settings)
    # The text holds the password: it goes to the driver and nowhere else.
    link = pq.PGconn.connect_start(make_conninfo(**parameters).encode())
    try:
        await waiting.wait_conn_async(_establishing(link), interval=LOOK_SECONDS)
    except BaseException:
        link.finish()
        raise
    if link.status != pq.ConnStatus.OK:
        refusal = failure.of_connecting(address, link.get_error_message())
        link.finish()
        raise refusal
    link.nonblocking = 1
    return link


def _establishing(link: pq.abc.PGconn) -> PQGenConn[None]:
    """The steps of connecting: which socket to wait for, and for what, until the link is good or bad."""
    while link.status != pq.ConnStatus.BAD:
        wait = _WAITS.get(pq.PollingStatus(link.connect_poll()))
        if wait is None:
            return
        while not (yield link.socket, wait):
            pass


async def _found(address: str, host: str, port: int, settings: PostgresTarget) -> dict[str, Any]:
    """Host name and addresses, looked up here because the driver's library would block the loop."""
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectError(f"{address}: the name was not found; check it and the name service") from error
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    name = settings.tls.server_name if settings.tls is not None and settings.tls.server_name else host
    return {"host": ",".join([name] * len(addresses)), "hostaddr": ",".join(addresses), "port": port}


def _parameters(settings: PostgresTarget) -> dict[str, Any]:
    found: dict[str, Any] = {
        "user": settings.user,
        "dbname": settings.dbname,
        "application_name": "stackledger",
        "client_encoding": "UTF8",
        "sslmode": settings.effective_sslmode,
        "gssencmode": "disable",
    }
    if settings.password is not None:
        found["password"] = settings.password.read()
    return found if settings.tls is None else found | _certificates(settings.tls)


def _certificates(tls: Tls) -> dict[str, str]:
    """What to trust and what to show. libpq checks against the authority even under `require` if it is given one."""
    found = {"sslrootcert": str(tls.ca_file or "system")} if tls.verify else {}
    files = {"sslcert": tls.cert_file, "sslkey": tls.key_file}
    return found | {key: str(path) for key, path in files.items() if path is not None}
