"""What can be asked of an open ledger, by the command line, the console and the page: one method each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from stackledger import money
from stackledger.clock import Clock
from stackledger.errors import QuestionError
from stackledger.ledger import glance
from stackledger.ledger.asking import (
    ComparedLine,
    CompareReply,
    CompareRequest,
    ExplainRequest,
    Nothing,
    OverviewReply,
    OverviewRequest,
    PeopleReply,
    PeopleRequest,
    PersonReply,
    PersonRequest,
    Refusals,
    RefusedLine,
    ReleaseRequest,
    ReportLine,
    ReportReply,
    ReportRequest,
    RepriceReply,
    RepriceRequest,
    ReserveRequest,
    Settled,
    SettleRequest,
    StateReply,
)
from stackledger.ledger.bills.asking import BillsReply, BillsRequest, Share, SharesRequest
from stackledger.ledger.bills.comparisons import Comparisons
from stackledger.ledger.buckets import INPUT_TOKENS, Usage
from stackledger.ledger.budgets.reservations import Granted, Reservations
from stackledger.ledger.charges.answers import DeliverReply, DeliverRequest, deliver_charges
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.explain import Explanation, explain
from stackledger.ledger.focus.answers import FocusReply, FocusRequest, focus_day
from stackledger.ledger.glance import zone_of
from stackledger.ledger.horizon import need_calls
from stackledger.ledger.periods import local_date, whole
from stackledger.ledger.preview import compare
from stackledger.ledger.prices.book import cost, load_book
from stackledger.ledger.prices.resolve import Unpriced
from stackledger.ledger.pricing import Prices
from stackledger.ledger.reconcile.answers import ReconcileReply, ReconcileRequest, reconcile_bills
from stackledger.ledger.report import Question, ask
from stackledger.ledger.reprice import reprice
from stackledger.ledger.statements.answers import (
    CloseReply,
    CloseRequest,
    Stated,
    StatementRequest,
    close_month,
    statement_of,
)
from stackledger.ledger.upkeep.asking import (
    BackupReply,
    BackupRequest,
    EraseReply,
    EraseRequest,
    TendReply,
    TendRequest,
)

if TYPE_CHECKING:
    from stackledger.ledger.upkeep.keeper import Keeper


@dataclass(frozen=True, slots=True)
class Method:
    """One thing that can be asked."""

    request: type[Any]
    reply: Any
    call: Callable[[LedgerService, Any], Any]
    quick: bool = False
    """Whether it never reads much: it must not wait for those that do."""


class LedgerService:
    """The answers, from an engine in this process. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        prices: Callable[[], Prices],
        clock: Clock,
        *,
        pseudonym: Callable[[str], str] | None = None,
        zone: ZoneInfo,
        reservations: Reservations,
        keeper: Keeper | None = None,
        state: Callable[[], StateReply] = StateReply,
    ) -> None:
        """`pseudonym` is what the ledger keeps in place of a user; questions name the user."""
        self._engine = engine
        self._prices = prices
        self._clock = clock
        self._pseudonym = pseudonym
        self._zone = zone
        self._reservations = reservations
        self._keeper = keeper
        self._state = state
        self.comparisons = Comparisons(self)

    @property
    def engine(self) -> Engine:
        """The store."""
        return self._engine

    def now_us(self) -> int:
        """Microseconds UTC."""
        return round(self._clock.now() * 1e6)

    def book(self) -> str:
        """The version of the price book in force."""
        return self._prices().version

    def waiting(self) -> tuple[int, float]:
        """How many events wait to be applied, and for how many seconds the oldest has."""
        state = self._state()
        return state.waiting, state.waiting_age_seconds

    @property
    def keeper(self) -> Keeper:
        """Who keeps this ledger in order. Raises QuestionError where nobody does."""
        if self._keeper is None:
            raise QuestionError("this ledger is open for reading only")
        return self._keeper

    @staticmethod
    def _question(
        by: tuple[str, ...], first: date, last: date, zone: str, where: Mapping[str, tuple[str, ...]]
    ) -> Question:
        try:
            return Question(by, first, last, zone_of(zone), where)
        except ValueError as error:
            raise QuestionError(str(error)) from None

    def _where(self, where: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """The conditions as the ledger knows them: who asks about a user names the user, hashed or not."""
        found = dict(where)
        if self._pseudonym is not None and "user" in found:
            found["user"] = tuple({*found["user"], *(self._pseudonym(name) for name in found["user"] if name)})
        return found

    def state(self, _request: Nothing) -> StateReply:
        """What was computed last; waits for nothing."""
        return self._state()

    def report(self, request: ReportRequest) -> ReportReply:
        """Costs and usage by any attributes. Raises QuestionError for what cannot be asked."""
        question = self._question(request.by, request.first, request.last, request.zone, self._where(request.where))
        answer = ask(self._engine, question)
        lines = [ReportLine(one.keys, one.events, one.unpriced, str(one.cost), one.usage) for one in answer.lines]
        return ReportReply(answer.buckets, lines)

    def overview(self, request: OverviewRequest) -> OverviewReply:
        """A month at a glance."""
        return glance.overview(self._engine, request, self._now_us(), self._state())

    def people(self, request: PeopleRequest) -> PeopleReply:
        """Which users cost most in a month."""
        return glance.people(self._engine, request, self._now_us(), self._pseudonym)

    def person(self, request: PersonRequest) -> PersonReply:
        """One user's month."""
        return glance.person(self._engine, request, self._now_us(), self._pseudonym)

    def shares(self, request: SharesRequest) -> list[Share]:
        """A user's part of each bill of a month."""
        return glance.shares_of(self._engine, request, self._pseudonym)

    def _now_us(self) -> int:
        return round(self._clock.now() * 1e6)

    def explain(self, request: ExplainRequest) -> Explanation:
        """What a total is made of. Raises QuestionError for what cannot be asked."""
        question = self._question((), request.first, request.last, request.zone, self._where(request.where))
        need_calls(self._engine, whole(question.first, question.last, question.zone).from_us, "explaining a total")
        return explain(self._engine, question, request.examples)

    def reprice(self, request: RepriceRequest) -> RepriceReply:
        """Price calls again by the book in force; what changes becomes a correction."""
        span = whole(request.first, request.last, zone_of(request.zone))
        need_calls(self._engine, span.from_us, "pricing again")
        prices = self._prices()
        done = reprice(
            self._engine,
            prices,
            from_us=span.from_us,
            until_us=span.until_us,
            only_unpriced=request.only_unpriced,
            cause=request.cause,
            made_us=round(self._clock.now() * 1e6),
            dry=request.dry,
        )
        return RepriceReply(
            done.calls, done.changed, done.newly_priced, str(done.difference), done.number, prices.version
        )

    def reserve(self, request: ReserveRequest) -> Granted:
        """Set an amount aside in every hard budget that covers it, or say which has not enough.

        Raises QuestionError for an amount that is none, or a model whose price is not known: a budget that cannot be
        checked is not passed.
        """
        now_us = round(self._clock.now() * 1e6)
        attributes = {"provider": request.provider, "model": request.model, **request.attributes}
        amount = self._bound(request, attributes, now_us)
        return self._reservations.reserve(request.id, self._hidden(attributes), amount, now_us, request.seconds)

    def settle(self, request: SettleRequest) -> Settled:
        """What the call did cost takes the place of what was set aside."""
        event = request.event
        at_us = round(event.time.timestamp() * 1e6)
        place = (event.provider, event.model, event.region, event.service_tier)
        amount = self._cost(event.usage, at_us, *place)
        self._reservations.settle(request.id, amount or 0, request.seq)
        return Settled(None if amount is None else str(amount))

    def release(self, request: ReleaseRequest) -> Nothing:
        """What was set aside is free again."""
        self._reservations.release(request.id)
        return Nothing()

    def _bound(self, request: ReserveRequest, attributes: Mapping[str, str], now_us: int) -> int:
        if request.usd:
            try:
                return money.parse(request.usd)
            except ValueError as error:
                raise QuestionError(f"usd: {error}") from None
        if request.usage is None:
            raise QuestionError("give `usd`, or `provider`, `model` and `usage` with the most that the call may use")
        place = (request.provider, request.model, attributes.get("region", ""), attributes.get("service_tier", ""))
        amount = self._cost(request.usage, now_us, *place)
        if amount is None:
            raise QuestionError(f"no price of {request.model} ({request.provider}) is known: give `usd`")
        return amount

    def _cost(self, usage: Usage, at_us: int, *place: str) -> int | None:
        """Pico-USD of a call at a time; `place` is provider, model, region and service tier."""
        line = self._prices().line(*place)
        if isinstance(line, Unpriced):
            return None
        tokens = sum(getattr(usage, name) for name in INPUT_TOKENS)
        return cost(line.rate_at(at_us, tokens), usage)

    def _hidden(self, attributes: dict[str, str]) -> dict[str, str]:
        """The attributes as the ledger keeps them."""
        user = attributes.get("user", "")
        return attributes | {"user": self._pseudonym(user)} if self._pseudonym is not None and user else attributes

    def compare(self, request: CompareRequest) -> CompareReply:
        """The month's calls with another price book. Raises ConfigError when the file is none."""
        now_us = round(self._clock.now() * 1e6)
        today = local_date(now_us, self._zone)
        prices = self._prices()
        span = whole(today.replace(day=1), today, self._zone)
        other = prices.with_book(load_book(Path(request.book)))
        found = compare(self._engine, prices, other, span.from_us, span.until_us)
        (total,) = ask(self._engine, Question((), today.replace(day=1), today, self._zone)).lines
        moved = sum(one.after - one.before for one in found)
        lines = [
            ComparedLine(
                one.provider, one.model, one.calls, str(one.before), str(one.after), one.unpriced_before,
                one.unpriced_after,
            )
            for one in found
        ]  # fmt: skip
        return CompareReply(str(total.cost), str(total.cost + moved), lines)

    def refusals(self, request: Refusals) -> list[RefusedLine]:
        """The latest events that were not taken."""
        rows = self._engine.query(
            "SELECT received, source, id, reason, detail FROM refusal ORDER BY received DESC, batch DESC LIMIT ?",
            [request.limit],
        )
        return [RefusedLine(*row) for row in rows]


METHODS: Final[Mapping[str, Method]] = {
    "state": Method(Nothing, StateReply, LedgerService.state, quick=True),
    "report": Method(ReportRequest, ReportReply, LedgerService.report),
    "overview": Method(OverviewRequest, OverviewReply, LedgerService.overview),
    "people": Method(PeopleRequest, PeopleReply, LedgerService.people),
    "person": Method(PersonRequest, PersonReply, LedgerService.person),
    "explain": Method(ExplainRequest, Explanation, LedgerService.explain),
    "reprice": Method(RepriceRequest, RepriceReply, LedgerService.reprice),
    "compare": Method(CompareRequest, CompareReply, LedgerService.compare),
    "reserve": Method(ReserveRequest, Granted, LedgerService.reserve, quick=True),
    "settle": Method(SettleRequest, Settled, LedgerService.settle, quick=True),
    "release": Method(ReleaseRequest, Nothing, LedgerService.release, quick=True),
    "deliver": Method(DeliverRequest, DeliverReply, deliver_charges),
    "reconcile": Method(ReconcileRequest, ReconcileReply, reconcile_bills),
    "bills": Method(BillsRequest, BillsReply, lambda service, asked: service.comparisons.ask(asked), quick=True),
    "shares": Method(SharesRequest, list[Share], LedgerService.shares),
    "focus": Method(FocusRequest, FocusReply, focus_day),
    "close": Method(CloseRequest, CloseReply, close_month),
    "statement": Method(StatementRequest, Stated, statement_of),
    "erase": Method(EraseRequest, EraseReply, lambda service, asked: service.keeper.erase(asked)),
    "backup": Method(BackupRequest, BackupReply, lambda service, asked: service.keeper.backup(asked)),
    "tend": Method(TendRequest, TendReply, lambda service, asked: service.keeper.tend(asked)),
    "refusals": Method(Refusals, list[RefusedLine], LedgerService.refusals),
}
"""Every method by its name on the socket."""
