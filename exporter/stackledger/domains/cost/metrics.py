"""What the ledger shows. Money is in gauges of closed calendar periods in finance's zone, never in counters.

Every value equals `costs report` of the same days to the cent.
"""

from __future__ import annotations

from stackledger import units
from stackledger.catalogue import HOLD, Kind, Label, Metric
from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.event import Reason as RefusalReason
from stackledger.ledger.pulls.asking import REASONS as PULL_REASONS


class Period(Label):
    """The calendar period in finance's zone; `month` is the current one so far."""

    values = ("today", "yesterday", "month", "last_month")


class Team(Label):
    """The team of the calls; empty where none is told, `other` beyond the cap."""

    bounded, cap = False, 1001


class Feature(Label):
    """The feature of the calls; empty where none is told, `other` beyond the cap."""

    bounded, cap = False, 1001


class Provider(Label):
    """The model's provider; `other` beyond the cap."""

    bounded, cap = False, 1001


class Model(Label):
    """The model; `other` beyond the cap."""

    bounded, cap = False, 1001


class CallEnvironment(Label):
    """The environment of the calls; empty where none is told, `other` beyond the cap."""

    name = "call_environment"
    bounded, cap = False, 1001


class User(Label):
    """The keyed hash of a user's id, or `other`; only where the configuration asks for it."""

    bounded, cap = False, 10_001


class Bucket(Label):
    """What is counted."""

    values = BUCKETS


class Outcome(Label):
    """What became of an event."""

    values = ("stored", "duplicate", "refused")


class Why(Label):
    """Why an event was not taken."""

    name = "reason"
    values = tuple(RefusalReason)


class Book(Label):
    """Version of the price book and of the configuration's prices."""

    bounded, cap = False, 4


class BudgetName(Label):
    """The budget's name in the configuration."""

    name = "budget"
    bounded, cap = False, 1000


class Bound(Label):
    """`expected`, and the ends of the interval that holds the end with nine chances in ten."""

    values = ("expected", "low", "high")


class Attribute(Label):
    """What the value is of."""

    values = ("team", "model", "feature")


class Value(Label):
    """A value that spends much of the budget."""

    bounded, cap = False, 10


class PullSource(Label):
    """The name of a source of bills in the configuration."""

    name = "source"
    bounded, cap = False, 100


class PullTrouble(Label):
    """Why bills could not be pulled."""

    name = "reason"
    values = PULL_REASONS


class LineChange(Label):
    """What a pull did to lines of bills: `replaced` ones were restated or taken back, and are kept, marked."""

    name = "change"
    values = ("added", "replaced")


LLM_COST = Metric(
    "stackledger_llm_cost_usd",
    Kind.GAUGE,
    units.USD,
    "What the calls of the period cost, as far as they have a price (ledger).",
    labels=(Period,),
    budget=4,
    node=False,
    missing=HOLD,
)
LLM_TEAM_COST = Metric(
    "stackledger_llm_team_cost_usd",
    Kind.GAUGE,
    units.USD,
    "What the calls of the period cost, by team (ledger).",
    labels=(Period, Team),
    budget=4004,
    node=False,
    missing=HOLD,
)
LLM_FEATURE_COST = Metric(
    "stackledger_llm_feature_cost_usd",
    Kind.GAUGE,
    units.USD,
    "What the calls of the period cost, by feature (ledger).",
    labels=(Period, Feature),
    budget=4004,
    node=False,
    missing=HOLD,
)
LLM_MODEL_COST = Metric(
    "stackledger_llm_model_cost_usd",
    Kind.GAUGE,
    units.USD,
    "What the calls of the period cost, by model (ledger).",
    labels=(Period, Provider, Model),
    budget=4004,
    node=False,
    missing=HOLD,
)
LLM_ENVIRONMENT_COST = Metric(
    "stackledger_llm_environment_cost_usd",
    Kind.GAUGE,
    units.USD,
    "What the calls of the period cost, by the environment that made them (ledger).",
    labels=(Period, CallEnvironment),
    budget=4004,
    node=False,
    missing=HOLD,
)
LLM_USER_COST = Metric(
    "stackledger_llm_user_cost_usd",
    Kind.GAUGE,
    units.USD,
    "What the calls of the period cost, by the users that cost most, hashed, and all others (ledger).",
    labels=(Period, User),
    budget=40_004,
    node=False,
    missing=HOLD,
    conditional="costs.users.in_metrics is set",
)
LLM_CALLS = Metric(
    "stackledger_llm_calls",
    Kind.GAUGE,
    units.COUNT,
    "Calls of the period (ledger).",
    labels=(Period,),
    budget=4,
    node=False,
    missing=HOLD,
)
LLM_UNPRICED_CALLS = Metric(
    "stackledger_llm_unpriced_calls",
    Kind.GAUGE,
    units.COUNT,
    "Calls of the period whose price is not known: their cost is in no sum (ledger).",
    labels=(Period,),
    budget=4,
    node=False,
    missing=HOLD,
)
LLM_MODEL_UNPRICED_CALLS = Metric(
    "stackledger_llm_model_unpriced_calls",
    Kind.GAUGE,
    units.COUNT,
    "Calls of the period whose price is not known, by model; models without such calls are absent (ledger).",
    labels=(Period, Provider, Model),
    budget=4004,
    node=False,
    missing=HOLD,
    conditional="a call of a model without a known price",
)
LLM_UNITS = Metric(
    "stackledger_llm_units",
    Kind.GAUGE,
    units.COUNT,
    "Tokens and other units that the calls of the period used; no unit is in two buckets (ledger).",
    labels=(Period, Bucket),
    budget=4 * len(BUCKETS),
    node=False,
    missing=HOLD,
)
LLM_USERS = Metric(
    "stackledger_llm_users",
    Kind.GAUGE,
    units.COUNT,
    "Users who made a call in the period (ledger).",
    labels=(Period,),
    budget=4,
    node=False,
    missing=HOLD,
)
LEDGER_EVENTS = Metric(
    "stackledger_ledger_events_total",
    Kind.COUNTER,
    units.COUNT,
    "Usage events that were applied, by what became of them, since the ledger's process started (ledger).",
    labels=(Outcome,),
    budget=3,
    node=False,
)
LEDGER_REFUSED = Metric(
    "stackledger_ledger_refused_events_total",
    Kind.COUNTER,
    units.COUNT,
    "Usage events that were not taken, by reason, since the ledger's process started (ledger).",
    labels=(Why,),
    budget=len(RefusalReason),
    node=False,
)
LEDGER_WAITING = Metric(
    "stackledger_ledger_waiting_events",
    Kind.GAUGE,
    units.COUNT,
    "Accepted events that are not in the ledger yet (inbox).",
    node=False,
)
LEDGER_WAITING_AGE = Metric(
    "stackledger_ledger_waiting_age_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "How long the oldest accepted event that is not in the ledger yet has waited; 0 when none waits (inbox).",
    node=False,
)
LEDGER_SIZE = Metric(
    "stackledger_ledger_size_bytes",
    Kind.GAUGE,
    units.BYTES,
    "Size of the ledger on the disk, without the inbox (file, or pg_total_relation_size).",
    node=False,
)
LEDGER_APPLYING = Metric(
    "stackledger_ledger_applying",
    Kind.GAUGE,
    units.STATE,
    "1 if the last attempt to apply went well, 0 if the store refuses (ledger).",
    node=False,
)
PRICE_BOOK_AGE = Metric(
    "stackledger_price_book_age_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Time since the day up to which the price book is known to follow the vendors' prices (price book).",
    node=False,
)
PRICE_BOOK_INFO = Metric(
    "stackledger_price_book_info",
    Kind.INFO,
    units.STATE,
    "The price book in force (price book).",
    labels=(Book,),
    budget=1,
    node=False,
)
BUDGET_LIMIT = Metric(
    "stackledger_budget_limit_usd",
    Kind.GAUGE,
    units.USD,
    "What may be spent in the budget's current period (configuration).",
    labels=(BudgetName,),
    budget=1000,
    node=False,
    missing=HOLD,
    conditional="a section costs.budgets",
)
BUDGET_SPENT = Metric(
    "stackledger_budget_spent_usd",
    Kind.GAUGE,
    units.USD,
    "What was spent of it in its current period (ledger).",
    labels=(BudgetName,),
    budget=1000,
    node=False,
    missing=HOLD,
    conditional="a section costs.budgets",
)
BUDGET_RESERVED = Metric(
    "stackledger_budget_reserved_usd",
    Kind.GAUGE,
    units.USD,
    "What is set aside for calls that are not in the ledger yet (reservations).",
    labels=(BudgetName,),
    budget=1000,
    node=False,
    missing=HOLD,
    conditional="a section costs.budgets",
)
BUDGET_USED = Metric(
    "stackledger_budget_used_ratio",
    Kind.GAUGE,
    units.RATIO,
    "Spent and set aside, of what may be spent (ledger).",
    labels=(BudgetName,),
    budget=1000,
    node=False,
    missing=HOLD,
    conditional="a section costs.budgets",
)
BUDGET_ELAPSED = Metric(
    "stackledger_budget_elapsed_ratio",
    Kind.GAUGE,
    units.RATIO,
    "Share of the budget's current period that is over (calendar).",
    labels=(BudgetName,),
    budget=1000,
    node=False,
    missing=HOLD,
    conditional="a section costs.budgets",
)
BUDGET_FORECAST = Metric(
    "stackledger_budget_forecast_usd",
    Kind.GAUGE,
    units.USD,
    "What the current period will have cost at its end (same weekdays of six weeks).",
    labels=(BudgetName, Bound),
    budget=3000,
    node=False,
    missing=HOLD,
    conditional="three days with calls",
)
BUDGET_LASTS = Metric(
    "stackledger_budget_lasts_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "How long the rest lasts at the pace of the last seven days (ledger).",
    labels=(BudgetName,),
    budget=1000,
    node=False,
    missing=HOLD,
    conditional="seven days with calls",
)
BUDGET_DEVIATION = Metric(
    "stackledger_budget_yesterday_deviation",
    Kind.GAUGE,
    units.COUNT,
    "How far yesterday is from the same weekday before, in robust standard deviations (ledger).",
    labels=(BudgetName,),
    budget=1000,
    node=False,
    missing=HOLD,
    conditional="three weeks with calls",
)
BUDGET_CONTRIBUTOR = Metric(
    "stackledger_budget_contributor_cost_usd",
    Kind.GAUGE,
    units.USD,
    "What the values that spend most of the budget cost in its current period (ledger).",
    labels=(BudgetName, Attribute, Value),
    budget=9000,
    node=False,
    missing=HOLD,
    conditional="a section costs.budgets",
)
PULL_SUCCESS = Metric(
    "stackledger_pull_success_timestamp_seconds",
    Kind.GAUGE,
    units.TIMESTAMP,
    "When bills were last pulled from the source without a failure (ledger).",
    labels=(PullSource,),
    budget=100,
    node=False,
    missing=HOLD,
    conditional="a section costs.pulls",
)
PULL_AGE = Metric(
    "stackledger_pull_age_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "Time since bills were last pulled from the source without a failure, or since it was set up (ledger).",
    labels=(PullSource,),
    budget=100,
    node=False,
    missing=HOLD,
    conditional="a section costs.pulls",
)
PULL_INTERVAL = Metric(
    "stackledger_pull_interval_seconds",
    Kind.GAUGE,
    units.SECONDS,
    "How often bills are to be pulled from the source (configuration).",
    labels=(PullSource,),
    budget=100,
    node=False,
    missing=HOLD,
    conditional="a section costs.pulls",
)
PULL_DAYS = Metric(
    "stackledger_pull_covered_days",
    Kind.GAUGE,
    units.COUNT,
    "Days (UTC) that have been asked for in a row, up to the last one that was pulled; 0 before the first (ledger).",
    labels=(PullSource,),
    budget=100,
    node=False,
    missing=HOLD,
    conditional="a section costs.pulls, but of files",
)
PULL_FAILURES = Metric(
    "stackledger_pull_failures_total",
    Kind.COUNTER,
    units.COUNT,
    "Pulls that failed, wholly or in part, by reason, since the ledger's process started (ledger).",
    labels=(PullSource, PullTrouble),
    budget=100 * len(PULL_REASONS),
    node=False,
    conditional="a section costs.pulls",
)
PULL_LINES = Metric(
    "stackledger_pull_lines_total",
    Kind.COUNTER,
    units.COUNT,
    "Lines of bills that pulls added, or marked as replaced by a restatement, since the ledger's process started"
    " (ledger).",
    labels=(PullSource, LineChange),
    budget=200,
    node=False,
    conditional="a section costs.pulls",
)
