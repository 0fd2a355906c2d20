"""The ledger as a source: what its process computed last, as samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stackledger.catalogue import Metric
from stackledger.clock import Clock
from stackledger.collect.snapshot import WHOLE, Part, Snapshot
from stackledger.domains.cost import metrics as m
from stackledger.domains.cost.per_user_samples import add_per_user
from stackledger.errors import ConnectError, ProtocolError, StorageError, UnreachableError
from stackledger.ledger import wire
from stackledger.ledger.asking import Nothing, StateReply
from stackledger.ledger.budgets.status import BudgetStatus
from stackledger.ledger.pulls.asking import PullStatus
from stackledger.ledger.summary import PeriodSummary
from stackledger.money import to_float

_BY_GROUP: dict[str, Metric[Any]] = {
    "team": m.LLM_TEAM_COST,
    "feature": m.LLM_FEATURE_COST,
    "model": m.LLM_MODEL_COST,
    "environment": m.LLM_ENVIRONMENT_COST,
}


class LedgerSource:
    """Asks the ledger's process over its socket."""

    def __init__(self, socket: Path, clock: Clock) -> None:
        self._socket = socket
        self._clock = clock

    async def sweep(self, _lane: str) -> Snapshot:
        """What the ledger computed last. Raises TargetError when its process does not answer."""
        try:
            state: StateReply = await wire.ask_async(self._socket, "state", Nothing(), StateReply)
        except UnreachableError as error:
            raise ConnectError(str(error)) from error
        except StorageError as error:
            raise ProtocolError(str(error)) from error
        part = Part(self._clock.now())
        for period in state.periods:
            _add_period(part, period)
        for budget in state.budgets:
            _add_budget(part, budget)
        for pull in state.pulls:
            _add_pull(part, pull, self._clock.now())
        _add_ledger(part, state)
        if state.per_user is not None:
            add_per_user(part, state.per_user)
        return Snapshot({WHOLE: part})

    async def close(self) -> None:
        """Nothing is held between sweeps."""


def _add_period(part: Part, period: PeriodSummary) -> None:
    name = period.name
    part.add(m.LLM_COST, to_float(int(period.cost)), name)
    part.add(m.LLM_CALLS, period.events, name)
    part.add(m.LLM_UNPRICED_CALLS, period.unpriced, name)
    part.add(m.LLM_USERS, period.users, name)
    for bucket, count in period.tokens.items():
        part.add(m.LLM_UNITS, count, name, bucket)
    for group, metric in _BY_GROUP.items():
        for amount in period.groups[group]:
            part.add(metric, to_float(int(amount.cost)), name, *amount.keys)
    for amount in period.groups["model"]:
        if amount.unpriced:
            part.add(m.LLM_MODEL_UNPRICED_CALLS, amount.unpriced, name, *amount.keys)
    for amount in period.top_users:
        part.add(m.LLM_USER_COST, to_float(int(amount.cost)), name, *amount.keys)


def _add_budget(part: Part, budget: BudgetStatus) -> None:
    name, amount = budget.name, int(budget.amount)
    spent, held = int(budget.spent), int(budget.held)
    part.add(m.BUDGET_LIMIT, to_float(amount), name)
    part.add(m.BUDGET_SPENT, to_float(spent), name)
    part.add(m.BUDGET_RESERVED, to_float(held), name)
    part.add(m.BUDGET_USED, (spent + held) / amount, name)
    part.add(m.BUDGET_ELAPSED, budget.elapsed, name)
    for bound in m.Bound.values:
        part.add(m.BUDGET_FORECAST, getattr(budget, bound), name, bound)
    part.add(m.BUDGET_LASTS, budget.lasts_seconds, name)
    part.add(m.BUDGET_DEVIATION, budget.deviation, name)
    for one in budget.contributors:
        part.add(m.BUDGET_CONTRIBUTOR, to_float(int(one.cost)), name, one.attribute, one.value)


def _add_pull(part: Part, pull: PullStatus, now: float) -> None:
    name = pull.source
    if pull.success_s is not None:
        part.add(m.PULL_SUCCESS, pull.success_s, name)
    last = pull.since_s if pull.success_s is None else pull.success_s
    part.add(m.PULL_AGE, max(0.0, now - last), name)
    part.add(m.PULL_INTERVAL, pull.interval_seconds, name)
    if pull.days is not None:
        part.add(m.PULL_DAYS, pull.days, name)
    for reason in m.PullTrouble.values:
        part.add(m.PULL_FAILURES, pull.failures.get(reason, 0), name, reason)
    for change in m.LineChange.values:
        part.add(m.PULL_LINES, getattr(pull, change), name, change)


def _add_ledger(part: Part, state: StateReply) -> None:
    for outcome in m.Outcome.values:
        part.add(m.LEDGER_EVENTS, state.outcomes.get(outcome, 0), outcome)
    for reason in m.Why.values:
        part.add(m.LEDGER_REFUSED, state.refused.get(reason, 0), reason)
    part.add(m.LEDGER_WAITING, state.waiting)
    part.add(m.LEDGER_WAITING_AGE, state.waiting_age_seconds)
    part.add(m.LEDGER_SIZE, state.size_bytes)
    part.add(m.LEDGER_APPLYING, state.applying)
    part.add(m.PRICE_BOOK_AGE, state.book_age_seconds)
    part.add(m.PRICE_BOOK_INFO, 1, state.book)
