"""The network of the pulls: one GET at a time, over the library that the service has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import httpx

from stackledger.errors import AuthError, ConnectError, ProtocolError, ReadTimeoutError
from stackledger.ledger.pulls.puller import Reply

_TIMEOUT_SECONDS = 60.0
_LARGEST_BYTES = 64 << 20


class HttpFetch:
    """GETs at one vendor's address, for instance https://api.openai.com."""

    def __init__(self, address: str) -> None:
        # No redirects: one would carry the key to wherever it points.
        self._client = httpx.AsyncClient(base_url=address, timeout=_TIMEOUT_SECONDS, follow_redirects=False)

    async def __call__(self, path: str, parameters: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> Reply:
        """The answer. Raises a TargetError that repeats neither the key nor the answer."""
        try:
            async with self._client.stream("GET", path, params=list(parameters), headers=dict(headers)) as answer:
                pieces, size = [], 0
                async for piece in answer.aiter_bytes():
                    size += len(piece)
                    if size > _LARGEST_BYTES:
                        raise ProtocolError(f"{path} answered with more than {_LARGEST_BYTES:,} bytes")
                    pieces.append(piece)
                return Reply(answer.status_code, b"".join(pieces), _seconds(answer.headers.get("retry-after", "")))
        except UnicodeError:  # from None: the error holds the key
            raise AuthError("the key holds a character that no header can carry") from None
        except httpx.TimeoutException as error:
            raise ReadTimeoutError(f"{path} did not answer in time") from error
        except httpx.HTTPError as error:
            raise ConnectError(f"{path} cannot be reached: {type(error).__name__}") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()


def _seconds(told: str) -> float | None:
    return float(told) if told.isascii() and told.isdigit() else None
