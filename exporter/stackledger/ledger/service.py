"""What can be asked of an open ledger, by the command line, the console and the page: one method each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

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
    ReportLine,
    ReportReply,
    ReportRequest,
    RepriceReply,
    RepriceRequest,
    StateReply,
)
from stackledger.ledger.bills.asking import Share, SharesRequest
from stackledger.ledger.bills.comparisons import Comparisons
from stackledger.ledger.budgets.answers import BudgetAnswers
from stackledger.ledger.budgets.reservations import Reservations
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.explain import Explanation, explain
from stackledger.ledger.glance import zone_of
from stackledger.ledger.horizon import need_calls
from stackledger.ledger.per_user.declared import Declared
from stackledger.ledger.periods import local_date, whole
from stackledger.ledger.preview import compare
from stackledger.ledger.prices.book import load_book
from stackledger.ledger.pricing import Prices
from stackledger.ledger.pulls.asking import PullReply, PullRequest, PullStatus
from stackledger.ledger.question import Question
from stackledger.ledger.report import ask
from stackledger.ledger.reprice import reprice

if TYPE_CHECKING:
    from stackledger.ledger.pulls.runner import Pulls
    from stackledger.ledger.upkeep.keeper import Keeper


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
        pulls: Pulls | None = None,
        state: Callable[[], StateReply] = StateReply,
        declared: Declared | None = None,
    ) -> None:
        """`pseudonym` is what the ledger keeps in place of a user; questions name the user."""
        self._declared = declared or Declared()
        self._engine = engine
        self._prices = prices
        self._clock = clock
        self._pseudonym = pseudonym
        self._zone = zone
        self.budgets = BudgetAnswers(reservations, prices, self.now_us, pseudonym)
        self._keeper = keeper
        self._pulls = pulls
        self._state = state
        self.comparisons = Comparisons(self)

    @property
    def engine(self) -> Engine:
        """The store."""
        return self._engine

    @property
    def declared(self) -> Declared:
        """What the configuration declares: rates of currencies, the cost per active user."""
        return self._declared

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

    def pull(self, request: PullRequest) -> PullReply:
        """Fetch bills from one source. Raises QuestionError for a source that there is not."""
        if self._pulls is None:
            raise QuestionError("this ledger pulls nothing")
        return self._pulls.pull(request)

    def pull_statuses(self, _request: Nothing) -> list[PullStatus]:
        """How each source of bills is."""
        return [] if self._pulls is None else self._pulls.statuses()

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
        return glance.overview(self._engine, request, self.now_us(), self._state())

    def people(self, request: PeopleRequest) -> PeopleReply:
        """Which users cost most in a month."""
        return glance.people(self._engine, request, self.now_us(), self._pseudonym)

    def person(self, request: PersonRequest) -> PersonReply:
        """One user's month."""
        return glance.person(self._engine, request, self.now_us(), self._pseudonym)

    def shares(self, request: SharesRequest) -> list[Share]:
        """A user's part of each bill of a month."""
        return glance.shares_of(self._engine, request, self._pseudonym)

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
            made_us=self.now_us(),
            dry=request.dry,
        )
        return RepriceReply(
            done.calls, done.changed, done.newly_priced, str(done.difference), done.number, prices.version
        )

    def compare(self, request: CompareRequest) -> CompareReply:
        """The month's calls with another price book. Raises ConfigError when the file is none."""
        now_us = self.now_us()
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
