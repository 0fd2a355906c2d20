"""The driver's errors as ours: what failed, on which node, what to do. Never a password or a connection string."""

from __future__ import annotations

from typing import Final

from stackledger.errors import AuthError, ConnectError, ProtocolError, ReadTimeoutError, TargetError


class NotServingError(ConnectError):
    """The server's machine, or the server itself, says that it serves nobody now: it cannot be taking writes."""


_GRANT = "give the role pg_monitor (grants/monitor.sql)"

# libpq tells no SQLSTATE for a connection that was never made, so its words decide. First match wins.
_CONNECT: Final[tuple[tuple[str, type[TargetError], str], ...]] = (
    (
        "password authentication failed",
        AuthError,
        "wrong user or password; compare `user` and `password` with the role",
    ),
    ("no password supplied", AuthError, "the server asks for a password; set `password`"),
    (
        "pg_hba.conf",
        AuthError,
        "pg_hba.conf has no line for this user, database and our address (or wants TLS); add one",
    ),
    ("authentication failed", AuthError, "the server refuses the login; see its log"),
    ("is not permitted to log in", AuthError, "the role has no LOGIN; see grants/monitor.sql"),
    ("permission denied for database", AuthError, "grant CONNECT on the database to the role"),
    ("role ", AuthError, "the role may not exist; see grants/monitor.sql"),
    # Before "database ", which these contain too.
    ("starting up", NotServingError, "the server is starting; wait"),
    ("shutting down", NotServingError, "the server is stopping"),
    ("not yet accepting connections", NotServingError, "the server is recovering; wait"),
    ("in recovery mode", NotServingError, "the server crashed and recovers; wait and read its log"),
    ("private key file", AuthError, "our key is missing or others may read it; see `tls.key_file` and its mode"),
    ("certificate", ConnectError, "TLS was refused; compare `tls` and `sslmode` with the server's certificate"),
    (
        "server does not support SSL",
        ConnectError,
        "the server has no TLS; switch it on there, or do without `tls` and `sslmode`",
    ),
    ("invalid response to SSL", ProtocolError, "this is not PostgreSQL; check the port"),
    ("expected authentication request", ProtocolError, "this is not PostgreSQL; check the port"),
    ("received invalid", ProtocolError, "this is not PostgreSQL; check the port"),
    ("unsupported frontend protocol", ProtocolError, "this server is too old; 14 is the oldest that is read"),
    ("database ", ConnectError, "the database may not exist; check `dbname`"),
    ("too many clients", ConnectError, "no connection slot is free; raise max_connections or use a pooler"),
    ("remaining connection slots", ConnectError, "only slots for superusers are free; raise max_connections"),
    # Before a refusal: of a name with several addresses, one that hangs may be where the server lives.
    ("timed out", ReadTimeoutError, "no answer in time; the host or the server hangs"),
    ("No route to host", ConnectError, "the host cannot be reached; check it and the network"),
    (
        "Connection refused",
        NotServingError,
        "connection refused: nothing listens there; start PostgreSQL or correct the address",
    ),
    ("timeout expired", ReadTimeoutError, "no answer in time; the host or the server hangs"),
    ("closed the connection unexpectedly", ConnectError, "the server closed the connection; see its log"),
)


def of_connecting(address: str, text: str) -> TargetError:
    """What a failed attempt to connect means. `text` is libpq's, only looked at, never repeated."""
    for words, kind, remedy in _CONNECT:
        if words in text:
            return kind(f"{address}: {remedy}")
    return ConnectError(f"{address}: cannot connect; check the address, the name service and the firewall")


_STATES: Final[dict[str, tuple[type[TargetError], str]]] = {
    "42501": (AuthError, f"the role lacks a right; {_GRANT}"),
    "57014": (ReadTimeoutError, "cancelled by statement_timeout; the server is overloaded or the query too heavy"),
    "55P03": (ReadTimeoutError, "a lock was not given in time; somebody holds ACCESS EXCLUSIVE on a table"),
    "57P01": (ConnectError, "an administrator ended the connection"),
    "57P02": (NotServingError, "the server crashed and restarts"),
    "57P03": (NotServingError, "the server accepts no connections now"),
}


def of_query(address: str, facet: str, state: str) -> TargetError:
    """What a failed query means, by its SQLSTATE."""
    kind, remedy = _STATES.get(state, (ProtocolError, f"the server refused the query (SQLSTATE {state or 'unknown'})"))
    return kind(f"{address}: {facet}: {remedy}")


def of_silence(address: str, seconds: float) -> TargetError:
    """A node that did not answer within its share of the sweep."""
    return ReadTimeoutError(f"{address}: no answer within {seconds:g} s; the host or the server hangs")


def of_loss(address: str) -> TargetError:
    """A connection that broke under a query."""
    return ConnectError(f"{address}: the connection was lost; see the server's log")
