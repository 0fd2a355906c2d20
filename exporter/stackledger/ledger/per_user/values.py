"""What is asked about the cost per active user and what is replied: plain structs, also over a socket.

Amounts are pico-USD in decimal digits, as JSON's numbers end at 2^53; None where they are not known.
"""

from __future__ import annotations

import msgspec

from stackledger.ledger.per_user.charged import SourceSum
from stackledger.ledger.per_user.definition import Part, Reason, Why


class PerUserRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for a month, "YYYY-MM", as the configuration defines the cost per active user."""

    month: str
    by_user: bool = False


class PartTold(msgspec.Struct, frozen=True):
    """A part of the numerator, and what of it falls on one active user, one call and a thousand tokens."""

    part: Part
    amount: str | None = None
    per_user: str | None = None
    per_request: str | None = None
    per_thousand_tokens: str | None = None


class UserRow(msgspec.Struct, frozen=True, array_like=True):
    """What one user costs, by part. `users` above 1, or an empty name: active users without a call, in one line."""

    name: str
    users: int
    calls: int
    parts: dict[Part, str]
    total: str


class PerUserReply(msgspec.Struct, frozen=True):
    """A month. The values are there only where `reasons` is empty; amounts of parts also where only time or users lack.

    `from_us` and `until_us` are the month, `users_told` where the number of users is from. Parts sum to `total`, their
    values for each user to `per_user`, and the rows of each part to the part.
    """

    month: str
    zone: str = ""
    from_us: int = 0
    until_us: int = 0
    definition: list[str] = []
    facts: dict[str, str] = {}
    """The definition in a few words: llm, infrastructure, engineering, users, key."""
    reasons: list[Why] = []
    notes: list[str] = []
    parts: list[PartTold] = []
    calls: int = 0
    tokens: int = 0
    users: int | None = None
    users_told: str = ""
    users_with_calls: int | None = None
    total: str | None = None
    per_user: str | None = None
    per_request: str | None = None
    per_thousand_tokens: str | None = None
    target: str | None = None
    sources: list[SourceSum] = []
    rows: list[UserRow] = []

    @property
    def known(self) -> bool:
        """Whether the month's value is known."""
        return not self.reasons

    @property
    def provisional(self) -> bool:
        """Whether the month goes on."""
        return any(one.reason is Reason.MONTH_NOT_OVER for one in self.reasons)
