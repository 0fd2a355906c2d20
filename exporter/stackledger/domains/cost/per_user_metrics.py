"""What is shown of the fully loaded cost per active user: the last closed month in finance's zone.

Where the value is UNKNOWN only that is shown, with the reasons; never a part of it.
"""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Label, Metric
from stackledger.ledger.per_user.definition import Key, Llm, Part, Reason, Source

KNOWN = "none"
_DEFINED = "a section costs.per_user, and a month that is known"


class CostPart(Label):
    """A part of the cost; llm_attributed are calls that name their user, all others are allocated."""

    name = "part"
    values = tuple(Part)


class Unknown(Label):
    """Why the value is not known; `none` where it is."""

    name = "reason"
    values = (KNOWN, *Reason)


class MonthName(Label):
    """The month, YYYY-MM."""

    name = "month"
    bounded, cap = False, 2


class MonthZone(Label):
    """The time zone of its days."""

    name = "zone"
    bounded, cap = False, 2


class LlmAmount(Label):
    """Which amount of calls to models counts."""

    name = "llm"
    values = tuple(Llm)


class HasInfrastructure(Label):
    """Whether charges for infrastructure count."""

    name = "infrastructure"
    values = ("yes", "no")


class HasEngineering(Label):
    """Whether charges for engineering count."""

    name = "engineering"
    values = ("yes", "no")


class UsersFrom(Label):
    """Who counts as an active user: with `ledger`, users who made a call to a model."""

    name = "users_from"
    values = tuple(Source)


class Spread(Label):
    """How what is allocated is spread over users."""

    name = "spread"
    values = tuple(Key)


PER_USER_KNOWN = Metric(
    "stackledger_cost_per_active_user_known",
    Kind.GAUGE,
    units.STATE,
    "1 if the last month's cost per active user is known; 0 for each reason why it is not (ledger).",
    labels=(Unknown,),
    budget=len(Reason) + 1,
    node=False,
    missing=HOLD,
)
PER_USER_COST = Metric(
    "stackledger_cost_per_active_user_usd",
    Kind.GAUGE,
    units.USD,
    "What of the last month's cost falls on one active user, by part; the parts sum to it (ledger).",
    labels=(CostPart,),
    budget=len(Part),
    node=False,
    missing=HOLD,
    conditional=_DEFINED,
)
PER_REQUEST_COST = Metric(
    "stackledger_cost_per_request_usd",
    Kind.GAUGE,
    units.USD,
    "What of the last month's cost falls on one call to a model, by part (ledger).",
    labels=(CostPart,),
    budget=len(Part),
    node=False,
    missing=HOLD,
    conditional=_DEFINED,
)
PER_TOKENS_COST = Metric(
    "stackledger_cost_per_thousand_tokens_usd",
    Kind.GAUGE,
    units.USD,
    "What of the last month's cost falls on a thousand tokens, by part (ledger).",
    labels=(CostPart,),
    budget=len(Part),
    node=False,
    missing=HOLD,
    conditional=_DEFINED,
)
LOADED_COST = Metric(
    "stackledger_cost_loaded_usd",
    Kind.GAUGE,
    units.USD,
    "The last month's whole cost, by part: what the cost per active user is made of (ledger).",
    labels=(CostPart,),
    budget=len(Part),
    node=False,
    missing=HOLD,
    conditional=_DEFINED,
)
ACTIVE_USERS = Metric(
    "stackledger_cost_active_users",
    Kind.GAUGE,
    units.COUNT,
    "Active users of the last month, by the declared source (ledger, import or Prometheus).",
    node=False,
    missing=HOLD,
    conditional=_DEFINED,
)
PER_USER_TARGET = Metric(
    "stackledger_cost_per_active_user_target_usd",
    Kind.GAUGE,
    units.USD,
    "The most that an active user should cost in a month (configuration).",
    node=False,
    missing=HOLD,
    conditional="costs.per_user.target_usd is set",
)
MONTH_END = Metric(
    "stackledger_cost_month_end_timestamp_seconds",
    Kind.GAUGE,
    units.TIMESTAMP,
    "When the last month ended in finance's zone (calendar).",
    node=False,
    missing=HOLD,
    conditional="a section costs.per_user",
)
PER_USER_INFO = Metric(
    "stackledger_cost_per_active_user_info",
    Kind.INFO,
    units.STATE,
    "The definition of the cost per active user, and its month (configuration).",
    labels=(MonthName, MonthZone, LlmAmount, HasInfrastructure, HasEngineering, UsersFrom, Spread),
    budget=2,
    node=False,
    conditional="a section costs.per_user",
)
