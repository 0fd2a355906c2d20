"""The methods on the ledger's socket: each name with its request, its reply and who answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stackledger.ledger.asking import (
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
from stackledger.ledger.budgets.reservations import Granted
from stackledger.ledger.charges.answers import DeliverReply, DeliverRequest, deliver_charges
from stackledger.ledger.explain import Explanation
from stackledger.ledger.focus.answers import FocusReply, FocusRequest, focus_day
from stackledger.ledger.per_user.answers import per_user
from stackledger.ledger.per_user.values import PerUserReply, PerUserRequest
from stackledger.ledger.pulls.asking import PullReply, PullRequest, PullStatus
from stackledger.ledger.reconcile.answers import ReconcileReply, ReconcileRequest, reconcile_bills
from stackledger.ledger.service import LedgerService
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


@dataclass(frozen=True, slots=True)
class Method:
    """One thing that can be asked."""

    request: type[Any]
    reply: Any
    call: Callable[[LedgerService, Any], Any]
    quick: bool = False
    """Whether it never reads much: it must not wait for those that do."""


METHODS: Final[Mapping[str, Method]] = {
    "state": Method(Nothing, StateReply, LedgerService.state, quick=True),
    "report": Method(ReportRequest, ReportReply, LedgerService.report),
    "overview": Method(OverviewRequest, OverviewReply, LedgerService.overview),
    "people": Method(PeopleRequest, PeopleReply, LedgerService.people),
    "person": Method(PersonRequest, PersonReply, LedgerService.person),
    "explain": Method(ExplainRequest, Explanation, LedgerService.explain),
    "reprice": Method(RepriceRequest, RepriceReply, LedgerService.reprice),
    "compare": Method(CompareRequest, CompareReply, LedgerService.compare),
    "reserve": Method(ReserveRequest, Granted, lambda service, asked: service.budgets.reserve(asked), quick=True),
    "settle": Method(SettleRequest, Settled, lambda service, asked: service.budgets.settle(asked), quick=True),
    "release": Method(ReleaseRequest, Nothing, lambda service, asked: service.budgets.release(asked), quick=True),
    "deliver": Method(DeliverRequest, DeliverReply, deliver_charges),
    "pull": Method(PullRequest, PullReply, LedgerService.pull),
    "pull_statuses": Method(Nothing, list[PullStatus], LedgerService.pull_statuses, quick=True),
    "reconcile": Method(ReconcileRequest, ReconcileReply, reconcile_bills),
    "bills": Method(BillsRequest, BillsReply, lambda service, asked: service.comparisons.ask(asked), quick=True),
    "shares": Method(SharesRequest, list[Share], LedgerService.shares),
    "focus": Method(FocusRequest, FocusReply, focus_day),
    "close": Method(CloseRequest, CloseReply, close_month),
    "per_user": Method(PerUserRequest, PerUserReply, per_user),
    "statement": Method(StatementRequest, Stated, statement_of),
    "erase": Method(EraseRequest, EraseReply, lambda service, asked: service.keeper.erase(asked)),
    "backup": Method(BackupRequest, BackupReply, lambda service, asked: service.keeper.backup(asked)),
    "tend": Method(TendRequest, TendReply, lambda service, asked: service.keeper.tend(asked)),
    "refusals": Method(Refusals, list[RefusedLine], LedgerService.refusals),
}
"""Every method by its name on the socket."""
