"""How brokers are asked: a bound on every answer, and what an error code means for whoever may not ask."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, Protocol, TypeVar

from stackledger.clock import Clock
from stackledger.errors import AuthError, ProtocolError, ReadTimeoutError, TargetError
from stackledger.integrations.kafka.wire.error_codes import ErrorCode, error_name

T = TypeVar("T")

REFUSED: Final = frozenset(
    {
        ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        ErrorCode.GROUP_AUTHORIZATION_FAILED,
        ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
    }
)


def check_code(code: int, what: str) -> None:
    """Raise AuthError where the code says that a right is missing, ProtocolError for any other error."""
    if code in REFUSED:
        raise AuthError(f"{what}: {error_name(code)}; grant the rights of grants/acls.md")
    if code:
        raise ProtocolError(f"{what}: {error_name(code)}")


async def within(clock: Clock, seconds: float, what: str, answer: Awaitable[T]) -> T | TargetError:
    """The answer, or the TargetError that it ended in, a ReadTimeoutError when it took longer than `seconds`."""
    try:
        async with clock.timeout(seconds):
            return await answer
    except TimeoutError:
        return ReadTimeoutError(f"{what} did not answer within {seconds:.1f} s")
    except TargetError as error:
        return error


class Bounded(Protocol):
    """Bounds the wait for an answer: the answer, or the error that it ended in."""

    def __call__(self, what: str, answer: Awaitable[T], /) -> Awaitable[T | TargetError]:
        """`what` is how the error names the request."""
