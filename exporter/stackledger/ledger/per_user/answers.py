"""The cost per active user of a month: what is known of it, and what keeps it from being known.

The value is known only where all of it is: the month is over and all that was accepted is in the ledger, every call has
a price, every source of charges is there and final, every rate is known, and the declared source tells at least one
active user. Anything less is UNKNOWN with its reasons; it is never taken for 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from stackledger.errors import QuestionError
from stackledger.ledger.asked import Open
from stackledger.ledger.charges.charge import Kind
from stackledger.ledger.per_user.arithmetic import attribution
from stackledger.ledger.per_user.calls import Calls, calls_of
from stackledger.ledger.per_user.charged import Ask, Charged, SourceSum, charged
from stackledger.ledger.per_user.definition import USERS_WORDS, Definition, Llm, Part, Reason, Source, Why
from stackledger.ledger.per_user.dividing import divided
from stackledger.ledger.per_user.users import Users, told_users
from stackledger.ledger.per_user.values import PartTold, PerUserReply, PerUserRequest
from stackledger.ledger.periods import Period, month_named, whole, zone_named
from stackledger.ledger.rates import Rates
from stackledger.ledger.reconcile.answers import reconciled
from stackledger.ledger.statements import checks

_LEAVES_AMOUNTS: Final = frozenset({Reason.MONTH_NOT_OVER, Reason.EVENTS_WAIT, Reason.USERS_NOT_TOLD, Reason.NO_USERS})
"""Reasons for which the parts are still what they cost so far: the month goes on, or there is nobody to divide by."""


def per_user(ledger: Open, request: PerUserRequest, as_of: int | None = None) -> PerUserReply:
    """The answer; `as_of` a delivery, with charges and counts of users as they were after it.

    Raises QuestionError for what is no month.
    """
    definition = ledger.declared.definition
    try:
        days = month_named(request.month)
    except ValueError as error:
        raise QuestionError(str(error)) from None
    if definition is None:
        words = "nobody defined it: add a section costs.per_user to the configuration"
        return PerUserReply(request.month, reasons=[Why(Reason.NO_DEFINITION, words)])
    return _Month(ledger, definition, days, as_of).reply(by_user=request.by_user)


@dataclass(frozen=True, slots=True)
class _Part:
    """What is known of some parts, and why not more."""

    amounts: Mapping[Part, int | None]
    sources: Sequence[SourceSum] = ()
    reasons: Sequence[Why] = ()
    notes: Sequence[str] = ()


class _Month:
    """One month of one definition."""

    def __init__(self, ledger: Open, definition: Definition, days: tuple[date, date], as_of: int | None) -> None:
        self._ledger = ledger
        self._definition = definition
        self._days = days
        self._as_of = as_of
        self._zone = zone_named(definition.zone)
        span = whole(*days, self._zone)
        self._month = Period(f"{days[0]:%Y-%m}", span.from_us, span.until_us)
        self._over = ledger.now_us() >= span.until_us

    def reply(self, *, by_user: bool) -> PerUserReply:
        """All of it."""
        definition, month = self._definition, self._month
        calls = calls_of(self._ledger.engine, *self._days, self._zone)
        parts = [self._llm(calls)] + ([self._shared()] if self._over else [])
        with_calls = None if calls.users is None else len(calls.users)
        users = (
            Users(with_calls, USERS_WORDS[Source.LEDGER])
            if definition.users is Source.LEDGER
            else told_users(self._ledger, definition, self._days, month, self._as_of)
        )
        reasons = [*self._open(), *(why for one in parts for why in one.reasons)]
        if users.why is not None:
            reasons.append(users.why)
        elif not users.number and calls.users is not None:
            reasons.append(
                Why(Reason.NO_USERS, f"{month.label} has no active user ({users.told}): nobody to divide by")
            )
        amounts = {part: amount for one in parts for part, amount in one.amounts.items()}
        if any(why.reason not in _LEAVES_AMOUNTS for why in reasons):
            amounts = {}  # a sum that lacks something is no amount of the part
        found = PerUserReply(
            month=month.label,
            zone=definition.zone,
            from_us=month.from_us,
            until_us=month.until_us,
            definition=definition.words(month.label),
            facts=_facts(definition),
            reasons=reasons,
            notes=[*self._notes(calls, users.number), *(note for one in parts for note in one.notes)],
            parts=[PartTold(part, _digits(amounts.get(part))) for part in self._parts()],
            calls=calls.calls,
            tokens=calls.tokens,
            users=users.number,
            users_told=users.told,
            users_with_calls=with_calls,
            target=_digits(definition.target),
            sources=[source for one in parts for source in one.sources],
        )
        known = {part: amount for part, amount in amounts.items() if amount is not None}
        if reasons or users.number is None or calls.users is None:
            return found
        return divided(found, known, calls, users.number, definition if by_user else None)

    def _parts(self) -> list[Part]:
        definition = self._definition
        found = [Part.LLM_ATTRIBUTED, Part.LLM_ALLOCATED]
        found += [Part.INFRASTRUCTURE] if definition.infrastructure else []
        return found + ([Part.ENGINEERING] if definition.engineering else [])

    def _open(self) -> Iterator[Why]:
        """What must have happened before a month can be known."""
        month, now_us = self._month, self._ledger.now_us()
        over = checks.period_over(month, now_us)
        if not over.passed:
            yield Why(Reason.MONTH_NOT_OVER, f"{month.label} has not ended ({self._days[1]} is its last day)")
            return
        applied = checks.applied(month, now_us, *self._ledger.waiting())
        if not applied.passed:
            yield Why(Reason.EVENTS_WAIT, applied.detail)

    def _notes(self, calls: Calls, users: int | None) -> Iterator[str]:
        if users is not None and calls.users is not None and users < len(calls.users):
            yield (
                f"{len(calls.users):,} users made a call, more than the {users:,} that count as active"
                f" ({USERS_WORDS[self._definition.users]}): is the source right?"
            )

    # -- calls to models ---------------------------------------------------------------------------------------------

    def _llm(self, calls: Calls) -> _Part:
        reasons = []
        if calls.users is None:
            words = f"single calls of {self._month.label} are no longer kept (costs.keep_days), so nobody knows of whom"
            reasons.append(Why(Reason.CALLS_NOT_KEPT, words))
        if calls.unpriced:
            many = "1 call has" if calls.unpriced == 1 else f"{calls.unpriced:,} calls have"
            words = f"{many} no known price: `costs report --by model` shows which, `costs reprice` prices them"
            reasons.append(Why(Reason.UNPRICED_CALLS, words))
        cost, sources = calls.cost, list[SourceSum]()
        attributed, allocated = cost - calls.without_user, calls.without_user
        if self._definition.llm is Llm.BILLED:
            if not self._over:
                return _Part({})
            bill = self._charged(Kind.BILL)
            reasons += [*bill.reasons, *self._gone(Kind.BILL, bill), *self._not_billed()]
            sources += bill.sources
            if bill.usd is None or (calls.calls and not bill.sources):
                return _Part({}, sources, reasons)
            attributed, allocated = attribution(bill.usd, attributed, allocated)
        if calls.users is None:
            return _Part({}, sources, reasons)
        return _Part({Part.LLM_ATTRIBUTED: attributed, Part.LLM_ALLOCATED: allocated}, sources, reasons)

    def _not_billed(self) -> Iterator[Why]:
        """Whoever was called must have billed every day with calls, for good."""
        declared = self._ledger.declared
        now_us = self._ledger.now_us()
        rates, _ = self._rates()
        try:
            found = reconciled(self._ledger.engine, *self._days, now_us, declared.terms, as_of=self._as_of, rates=rates)
        except QuestionError as error:  # the days beside the month are compared too
            yield Why(Reason.CALLS_NOT_KEPT, str(error))
            return
        check = checks.billed(found.accounts, ())
        if not check.passed:
            yield Why(Reason.NO_BILL, check.detail.partition(": import")[0] + ": import the bill once it is final")

    # -- charges -----------------------------------------------------------------------------------------------------

    def _shared(self) -> _Part:
        """Infrastructure and engineering, as far as the definition has them."""
        definition = self._definition
        kinds = {Kind.INFRASTRUCTURE: definition.infrastructure, Kind.ENGINEERING: definition.engineering}
        found = {kind: self._charged(kind) for kind, on in kinds.items() if on}
        reasons = [why for one in found.values() for why in one.reasons]
        reasons += self._missing(found)
        return _Part(
            {Part(kind): one.usd if one.sources else None for kind, one in found.items()},
            [source for one in found.values() for source in one.sources],
            reasons,
            [
                f"charges for {kind} of {source} do not count: costs.per_user.sources does not name it"
                for kind, one in found.items()
                for source in one.aside
            ],
        )

    def _missing(self, found: Mapping[Kind, Charged]) -> list[Why]:
        """Who is declared and did not charge at all, who charged the month before, and kinds that nobody charged."""
        present = {name for one in found.values() for name in one.present}
        missing = [name for name in self._definition.sources if name not in present] if found else []
        reasons = [_no_bill("no charge", name, self._month.label) for name in missing]
        for kind, one in found.items():
            gone = self._gone(kind, one)
            reasons += gone
            if not one.sources and not gone and not missing:
                reasons.append(_no_bill(f"no charge for {kind}", "anybody", self._month.label))
        return reasons

    def _gone(self, kind: Kind, found: Charged) -> list[Why]:
        return [
            _no_bill(f"no {kind}", f"{name}, which charged the month before,", self._month.label)
            for name in sorted(found.before - found.present)
        ]

    def _charged(self, kind: Kind) -> Charged:
        rates, faults = self._rates()
        ask = Ask(
            *self._days,
            now_us=self._ledger.now_us(),
            rates=rates,
            settle_days=self._ledger.declared.terms.settle_days,
            leave_out=self._definition.leave_out,
            only=() if kind is Kind.BILL else self._definition.sources,
            as_of=self._as_of,
        )
        found = charged(self._ledger.engine, kind, ask)
        if not faults or all(source.usd is not None for source in found.sources):
            return found
        others = [why for why in found.reasons if why.reason is not Reason.NO_RATE]
        return replace(found, reasons=[*faults, *others])

    def _rates(self) -> tuple[Rates, list[Why]]:
        """The rates; none where the table cannot be read, with the reason."""
        try:
            return self._ledger.declared.rates(), []
        except QuestionError as error:
            return Rates(), [Why(Reason.NO_RATE, str(error))]


def _no_bill(what: str, whose: str, month: str) -> Why:
    words = "`costs import` it, a line of 0 where nothing is charged, or take it out of costs.per_user"
    return Why(Reason.NO_BILL, f"{what} of {whose} for {month}: {words}")


def _facts(definition: Definition) -> dict[str, str]:
    return {
        "llm": definition.llm,
        "infrastructure": "yes" if definition.infrastructure else "no",
        "engineering": "yes" if definition.engineering else "no",
        "users": definition.users,
        "key": definition.key,
    }


def _digits(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
