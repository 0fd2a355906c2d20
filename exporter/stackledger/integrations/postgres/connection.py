"""One connection to one node: opened when first needed, kept between sweeps, given up after any doubt.

Owns the pipeline: all queries of a sweep go out at once, a sync after each, so that one failing costs only itself and
a sweep costs one round trip. Owns no query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psycopg
from psycopg import generators, pq, waiting
from psycopg.abc import PQGen
from psycopg.adapt import Transformer

from stackledger.clock import Clock
from stackledger.errors import TargetError
from stackledger.integrations.postgres import failure
from stackledger.integrations.postgres.config import PostgresTarget
from stackledger.integrations.postgres.dial import LOOK_SECONDS, dial
from stackledger.integrations.postgres.query import Answer, Query

_STATEMENT_SHARE = 0.4
_LOCK_SHARE = 0.1
# By SET, not when connecting: pg_settings.reset_val then still shows what the server has. The tables of other schemas
# cannot stand in for the catalogue's, and compiling a plan costs more than running it here.
_SESSION = Query(
    "session",
    """
    SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
           set_config('default_transaction_read_only', 'on', false),
           set_config('search_path', 'pg_catalog', false), set_config('jit', 'off', false)
    """,
    ("statement_timeout_ms", "lock_timeout_ms"),
)
_FAILED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED)

R = TypeVar("R")
Values = Mapping[str, str]
"""Parameters of queries by name, each as PostgreSQL spells it."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a node answered and which facets failed."""

    given: Mapping[Query, Answer]
    failed: Mapping[Query, TargetError]


class NodeConnection:
    """A read-only session on one node."""

    def __init__(self, address: str, settings: PostgresTarget, *, clock: Clock, seconds: float) -> None:
        """`seconds` bounds one `ask`, connecting included."""
        self.address = address
        self._settings = settings
        self._clock = clock
        self._seconds = seconds
        self._link: pq.abc.PGconn | None = None
        self._prepared: set[Query] = set()

    async def ask(self, queries: Sequence[Query], values: Values, *, spent: float = 0.0) -> Answers:
        """Every query's answer or error. Raises TargetError when the node gave none at all.

        `spent` is what of this node's seconds an earlier `ask` of the same sweep took.
        """
        try:
            async with self._clock.timeout(max(self._seconds - spent, 0.0)):
                return await self._asked(queries, values)
        except TimeoutError:
            error = failure.of_silence(self.address, self._seconds)
        except psycopg.Error:
            error = failure.of_loss(self.address)
        except BaseException:
            self.close()  # cancelled in the middle: what is still under way must not answer the next sweep
            raise
        self.close()
        # Raised out here, the error holds no frame of the driver, whose half-open socket would live as long as it.
        raise error

    async def _asked(self, queries: Sequence[Query], values: Values) -> Answers:
        fresh = self._link is None
        link = await self._opened()
        if fresh:
            queries, values = (_SESSION, *queries), {**values, **self._session()}
        return await self._pipelined(link, queries, values)

    def close(self) -> None:
        """Give up the connection at once; the next `ask` opens another."""
        link, self._link = self._link, None
        self._prepared.clear()
        if link is not None:
            link.finish()

    async def _opened(self) -> pq.abc.PGconn:
        if self._link is None:
            self._link = await dial(self.address, self._settings)
            self._link.enter_pipeline_mode()
        return self._link

    def _session(self) -> dict[str, str]:
        """The session's own settings, as values of `_SESSION`."""
        return {
            "statement_timeout_ms": str(max(1, round(self._seconds * _STATEMENT_SHARE * 1000))),
            "lock_timeout_ms": str(max(1, round(self._seconds * _LOCK_SHARE * 1000))),
        }

    async def _pipelined(self, link: pq.abc.PGconn, queries: Sequence[Query], values: Values) -> Answers:
        for query in queries:
            if query not in self._prepared:
                link.send_prepare(_name(query), query.sql.encode())
            link.send_query_prepared(_name(query), [values[name].encode() for name in query.parameters])
            link.pipeline_sync()
        await _finished(link, generators.send(link))
        given, failed = {}, {}
        for query in queries:
            result = await self._result(link, query)
            if isinstance(result, TargetError):
                failed[query] = result
            else:
                given[query] = result
        return Answers(given, failed)

    async def _result(self, link: pq.abc.PGconn, query: Query) -> Answer | TargetError:
        """The answer to the oldest query under way: that of its preparation, if any, its own, and the sync."""
        error: TargetError | None = None
        if query not in self._prepared:
            (prepared,) = await _finished(link, generators.fetch_many(link))
            error = self._error(query, prepared)
            if error is None:
                self._prepared.add(query)
        (result,) = await _finished(link, generators.fetch_many(link))
        error = error or self._error(query, result)
        await _finished(link, generators.fetch_many(link))  # the sync
        return error or _answer(result)

    def _error(self, query: Query, result: pq.abc.PGresult) -> TargetError | None:
        if result.status not in _FAILED:
            return None
        state = result.error_field(pq.DiagnosticField.SQLSTATE) or b""
        return failure.of_query(self.address, query.facet, state.decode("ascii", "replace"))


async def _finished(link: pq.abc.PGconn, step: PQGen[R]) -> R:
    """What a step of the protocol gives. The connection's own `wait` would, when cancelled, first ask the server."""
    return await waiting.wait_async(step, link.socket, interval=LOOK_SECONDS)


def _name(query: Query) -> bytes:
    return query.facet.encode()


def _answer(result: pq.abc.PGresult) -> Answer:
    loader = Transformer()
    loader.set_pgresult(result)
    columns = tuple((result.fname(place) or b"").decode() for place in range(result.nfields))
    return Answer(columns, tuple(loader.load_rows(0, result.ntuples, tuple)))
