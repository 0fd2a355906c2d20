"""What the cost per active user is: the declared parts, the declared users, and how shared cost is spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from stackledger import money


class Part(StrEnum):
    """What the numerator is made of. The first is attributed: its calls name their user. The others are allocated."""

    LLM_ATTRIBUTED = "llm_attributed"
    LLM_ALLOCATED = "llm_allocated"
    INFRASTRUCTURE = "infrastructure"
    ENGINEERING = "engineering"


PART_WORDS: Final = {
    Part.LLM_ATTRIBUTED: "Calls to models that name their user (attributed)",
    Part.LLM_ALLOCATED: "Calls to models that name nobody (allocated)",
    Part.INFRASTRUCTURE: "Infrastructure (allocated)",
    Part.ENGINEERING: "Engineering (allocated)",
}


class Llm(StrEnum):
    """Which amount of calls to models counts."""

    ESTIMATE = "estimate"
    BILLED = "billed"


class Source(StrEnum):
    """Where the number of active users comes from."""

    LEDGER = "ledger"
    IMPORTED = "imported"
    PROMETHEUS = "prometheus"


class Key(StrEnum):
    """How what is allocated is spread over users."""

    EQUAL = "equal"
    CALLS = "calls"
    LLM_COST = "llm_cost"


class Reason(StrEnum):
    """Why the value of a month is not known."""

    NO_DEFINITION = "no_definition"
    MONTH_NOT_OVER = "month_not_over"
    EVENTS_WAIT = "events_wait"
    CALLS_NOT_KEPT = "calls_not_kept"
    UNPRICED_CALLS = "unpriced_calls"
    NO_BILL = "no_bill"
    BILL_NOT_FINAL = "bill_not_final"
    NO_RATE = "no_rate"
    NO_USERS = "no_users"
    USERS_NOT_TOLD = "users_not_told"


class Why(msgspec.Struct, frozen=True, array_like=True):
    """A reason, and in words what is missing and what to do."""

    reason: Reason
    words: str


@dataclass(frozen=True, slots=True)
class Definition:
    """The definition that the configuration declares. `target` is pico-USD for each user, None without one."""

    zone: str
    llm: Llm = Llm.ESTIMATE
    infrastructure: bool = True
    engineering: bool = False
    sources: tuple[str, ...] = ()
    """Whose charges count and must be there; without them, whoever charged for the month or the one before."""
    leave_out: tuple[str, ...] = ()
    """Categories of charges that are in no part."""
    users: Source = Source.LEDGER
    query: str = ""
    key: Key = Key.EQUAL
    target: int | None = None

    def words(self, month: str) -> list[str]:
        """The definition, a sentence each, as it stands beside every result."""
        return list(self._words(month))

    def parts(self) -> str:
        """The parts in a few words."""
        names = [f"models ({LLM_WORDS[self.llm]})"]
        names += ["infrastructure"] if self.infrastructure else []
        return " + ".join([*names, *(["engineering"] if self.engineering else [])])

    def _words(self, month: str) -> Iterator[str]:
        yield f"Month: {month}, days of {self.zone}; charges count by the same dates in UTC."
        yield f"Cost: {self.parts()}, in USD."
        shared = [
            name for name, on in (("infrastructure", self.infrastructure), ("engineering", self.engineering)) if on
        ]
        if self.sources and shared:
            yield f"Sources of {' and '.join(shared)}, which alone count and must be there: {', '.join(self.sources)}."
        if self.leave_out:
            yield f"Left out of charges: {', '.join(self.leave_out)}."
        yield f"Active users: {self.users_words()}."
        yield f"What names no user is spread over users {KEY_WORDS[self.key]}."
        if self.target is not None:
            yield f"Target: at most {money.exact(self.target)} USD for each active user."

    def users_words(self) -> str:
        """Who counts as an active user."""
        return f"{USERS_WORDS[self.users]}: {self.query}" if self.query else USERS_WORDS[self.users]


LLM_WORDS: Final = {Llm.ESTIMATE: "our estimate", Llm.BILLED: "as billed"}
USERS_WORDS: Final = {
    Source.LEDGER: "users who made a call to a model, as the ledger has them; who only looked on is not among them",
    Source.IMPORTED: "the imported count of the month",
    Source.PROMETHEUS: "Prometheus at the month's end",
}
KEY_WORDS: Final = {
    Key.EQUAL: "equally",
    Key.CALLS: "by their calls",
    Key.LLM_COST: "by the estimated cost of their calls",
}
