"""The number of active users of a closed month from Prometheus: one expression, evaluated once, at the month's end."""

from __future__ import annotations

from typing import Any, Final

import httpx
import msgspec

from stackledger.clock import Clock, SystemClock
from stackledger.errors import QuestionError, UnreachableError

_TIMEOUT_SECONDS: Final = 10.0
"""For a connection, and for each piece of an answer."""
_LONGEST_SECONDS: Final = 30.0
"""For a whole answer."""
_LARGEST_BYTES: Final = 1 << 20


class _Data(msgspec.Struct, frozen=True):
    resultType: str  # noqa: N815 - Prometheus' name
    result: Any


class _Answer(msgspec.Struct, frozen=True):
    """As /api/v1/query answers (Prometheus' HTTP API, "Instant queries")."""

    status: str
    data: _Data | None = None
    error: str = ""


class Prometheus:
    """One server. `token` is what a proxy before it wants to see, if any."""

    def __init__(self, url: str, token: str = "", clock: Clock | None = None) -> None:
        self._url = url.rstrip("/")
        self._clock = clock or SystemClock()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def value(self, expression: str, at_s: float) -> float:
        """The value of the one series that the expression gives at a Unix time.

        Raises UnreachableError where nobody answers, QuestionError where the answer is no one value.
        """
        try:
            told = msgspec.json.decode(self._body(expression, at_s), type=_Answer)
        except UnicodeError:  # from None: the error holds the token
            raise UnreachableError("the token for Prometheus holds a character that no header can carry") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, msgspec.MsgspecError) as error:
            raise UnreachableError(
                f"Prometheus at {self._url} does not answer ({type(error).__name__}): it is asked again"
            ) from error
        if told.status != "success" or told.data is None:
            raise QuestionError(f"Prometheus at {self._url} refuses {expression}: {told.error or 'no reason told'}")
        return self._one(told.data, expression)

    def _body(self, expression: str, at_s: float) -> bytes:
        """The answer, given up where it is too large or takes too long."""
        end = self._clock.monotonic() + _LONGEST_SECONDS
        pieces, size = [], 0
        with httpx.stream(
            "GET",
            f"{self._url}/api/v1/query",
            params={"query": expression, "time": f"{at_s:.3f}"},
            headers=self._headers,
            timeout=_TIMEOUT_SECONDS,
        ) as answer:
            for piece in answer.iter_bytes():
                size += len(piece)
                if size > _LARGEST_BYTES:
                    raise QuestionError(f"{expression} gives very many series: sum them into one")
                if self._clock.monotonic() > end:
                    words = f"does not end its answer within {_LONGEST_SECONDS:.0f} s: it is asked again"
                    raise UnreachableError(f"Prometheus at {self._url} {words}")
                pieces.append(piece)
        return b"".join(pieces)

    def _one(self, data: _Data, expression: str) -> float:
        try:
            values = [data.result] if data.resultType == "scalar" else [one["value"] for one in data.result]
            if len(values) != 1:
                told = "no series" if not values else f"{len(values)} series"
                raise QuestionError(f"{expression} gives {told} at the month's end where one is needed")
            return float(values[0][1])
        except (TypeError, KeyError, ValueError, IndexError) as error:
            raise QuestionError(f"{expression} gives a {data.resultType}, where one value is needed") from error
