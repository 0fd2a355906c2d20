"""The board of cost: what calls to models cost, who and what caused it, what is not priced, and whether it is current.

Every amount is a closed calendar period in finance's zone and equals `costs report` of the same days.
"""

from __future__ import annotations

from stackledger.domains.cost import metrics as m
from stackledger.domains.cost import per_user_panels
from stackledger.model import ColumnStyle, Dashboard, Folder, Panel, Query, Row, Style, ValueText
from stackledger.promql import select

_NOW = m.Period.eq("month")
_EXACT = " The same to the cent: `stackledger costs report`."


def _amount(key: str, title: str, period: str, description: str) -> Panel:
    return Panel(
        key=key,
        title=title,
        queries=(Query(select(m.LLM_COST, m.Period.eq(period)).max()),),
        description=description + _EXACT,
        style=Style.STAT,
        width=4,
        height=4,
    )


TODAY = _amount("today", "Cost today", "today", "Since midnight in finance's zone. Far above yesterday by noon: look.")
YESTERDAY = _amount("yesterday", "Cost yesterday", "yesterday", "The last whole day. Compare the same weekday before.")
MONTH = _amount(
    "month", "Cost this month", "month", "The month so far; the last row tells whether all of it is priced."
)
LAST_MONTH = _amount("last-month", "Cost last month", "last_month", "The last whole month, what finance closes.")
UNPRICED = Panel(
    key="unpriced",
    title="Calls without a price",
    queries=(Query(select(m.LLM_UNPRICED_CALLS, _NOW).max()),),
    description="This month. Above 0, the sums are too low by what these calls cost: the table below names the models.",
    style=Style.STAT,
    width=4,
    height=4,
)
PER_USER = Panel(
    key="per-user",
    title="Models, per user who called one",
    queries=(
        Query(select(m.LLM_COST, _NOW).max(m.Period).over(select(m.LLM_USERS, _NOW).max(m.Period), on=(m.Period,))),
    ),
    description="This month so far, models alone, by users who made a call. Rising without new features: look at the"
    " dearest users and models below. The whole cost of a closed month per active user stands in the next row.",
    style=Style.STAT,
    width=4,
    height=4,
)
BY_TEAM = Panel(
    key="by-team",
    title="This month by team",
    queries=(Query(select(m.LLM_TEAM_COST, _NOW).max(m.Team), "{{team}}"),),
    description="Who caused it. An empty name: calls that tell no team, which nobody can be asked about." + _EXACT,
    style=Style.BARGAUGE,
    width=8,
)
BY_MODEL = Panel(
    key="by-model",
    title="This month by model",
    queries=(Query(select(m.LLM_MODEL_COST, _NOW).max(m.Provider, m.Model), "{{model}} ({{provider}})"),),
    description="Which models it went to. A dear model that rises is the first thing to question." + _EXACT,
    style=Style.BARGAUGE,
    width=8,
)
BY_FEATURE = Panel(
    key="by-feature",
    title="This month by feature",
    queries=(Query(select(m.LLM_FEATURE_COST, _NOW).max(m.Feature), "{{feature}}"),),
    description="What it was for. An empty name: calls that tell no feature." + _EXACT,
    style=Style.BARGAUGE,
    width=8,
)
BY_ENVIRONMENT = Panel(
    key="by-environment",
    title="This month by environment",
    queries=(Query(select(m.LLM_ENVIRONMENT_COST, _NOW).max(m.CallEnvironment), "{{call_environment}}"),),
    description="How much of it is not production. Tests that cost as much as users do are worth a look." + _EXACT,
    style=Style.BARGAUGE,
    width=8,
)
USERS = Panel(
    key="users",
    title="Users that cost most this month",
    queries=(Query(select(m.LLM_USER_COST, _NOW).max(m.User), "{{user}}"),),
    description="By hash, and all others; only where costs.users.in_metrics is set. A single user far ahead is often a"
    " script: `costs report --by user` tells who.",
    style=Style.BARGAUGE,
    width=16,
)
TODAY_COURSE = Panel(
    key="course-today",
    title="Cost of the day as it grows",
    queries=(Query(select(m.LLM_COST, m.Period.eq("today")).max(), "today"),),
    description="Falls to 0 at midnight of finance's zone. A slope that steepens is a loop or a new feature.",
    width=12,
    minimum=0,
)
MONTH_COURSE = Panel(
    key="course-month",
    title="Cost of the month as it grows",
    queries=(Query(select(m.LLM_COST, _NOW).max(), "this month"),),
    description="Falls to 0 on the first. A step is a batch, or late events; a slope that steepens asks why.",
    width=12,
    minimum=0,
)
UNITS = Panel(
    key="units",
    title="Units used this month",
    queries=(Query(select(m.LLM_UNITS, _NOW).max(m.Bucket), "{{bucket}}"),),
    description="Tokens by bucket; none is counted twice. Much uncached input where much could be cached costs most.",
    style=Style.BARGAUGE,
    width=12,
)
UNPRICED_MODELS = Panel(
    key="unpriced-models",
    title="Models without a price this month",
    queries=(Query(select(m.LLM_MODEL_UNPRICED_CALLS, _NOW).max(m.Provider, m.Model)),),
    description="Their calls are counted and cost nothing here until a price is known: add one, or update the book.",
    style=Style.TABLE,
    columns=(ColumnStyle("provider", "Provider"), ColumnStyle("model", "Model"), ColumnStyle("A", "Calls")),
    width=12,
)
BUDGET_USED = Panel(
    key="budget-used",
    title="Budgets: used of the period's amount",
    queries=(Query(select(m.BUDGET_USED).max(m.BudgetName), "{{budget}}"),),
    description="Spent and set aside. Above 100 %, a soft budget is broken and a hard one refuses reservations.",
    style=Style.BARGAUGE,
    width=8,
    minimum=0,
)
BUDGET_PACE = Panel(
    key="budget-pace",
    title="Budgets: pace",
    queries=(
        Query(
            select(m.BUDGET_USED)
            .max(m.BudgetName)
            .over(select(m.BUDGET_ELAPSED).max(m.BudgetName), on=(m.BudgetName,)),
            "{{budget}}",
        ),
    ),
    description="Share that is used, of the share of the period that is over. Above 1 it does not last to the end if"
    " days stay as they were.",
    width=8,
    minimum=0,
)
BUDGET_FORECAST = Panel(
    key="budget-forecast",
    title="Budgets: where the period leads",
    queries=(
        Query(select(m.BUDGET_FORECAST).max(m.BudgetName, m.Bound), "{{budget}} {{bound}}"),
        Query(select(m.BUDGET_LIMIT).max(m.BudgetName), "{{budget}} limit"),
    ),
    description="Expected cost at the period's end, with an interval, beside the limit. Expected above limit: act now.",
    width=8,
    minimum=0,
)
BUDGET_OVER = Panel(
    key="budget-over",
    title="Budgets: expected at the end, of the limit",
    queries=(
        Query(
            select(m.BUDGET_FORECAST, m.Bound.eq("expected"))
            .max(m.BudgetName)
            .over(select(m.BUDGET_LIMIT).max(m.BudgetName), on=(m.BudgetName,)),
            "{{budget}}",
        ),
    ),
    description="Above 1 the budget will not hold. The contributors beside say whom to ask.",
    width=8,
    minimum=0,
)
BUDGET_DEVIATION = Panel(
    key="budget-deviation",
    title="Budgets: was yesterday out of the ordinary?",
    queries=(Query(select(m.BUDGET_DEVIATION).max(m.BudgetName), "{{budget}}"),),
    description="Distance from the same weekday before, in standard deviations. Above 4: a loop or a release.",
    width=8,
)
BUDGET_CONTRIBUTORS = Panel(
    key="budget-contributors",
    title="Budgets: who spends most",
    queries=(
        Query(
            select(m.BUDGET_CONTRIBUTOR).max(m.BudgetName, m.Attribute, m.Value), "{{budget}}: {{attribute}} {{value}}"
        ),
    ),
    description="The three teams, models and features that spend most of each budget: whom to ask first.",
    style=Style.BARGAUGE,
    width=8,
)
WAITING = Panel(
    key="waiting",
    title="Events that wait",
    queries=(Query(select(m.LEDGER_WAITING).max(), "events"),),
    description="Accepted and safe, not in the sums yet. Growing: the ledger is slower than what comes in, or stuck.",
    width=8,
    minimum=0,
)
WAITING_AGE = Panel(
    key="waiting-age",
    title="Oldest event that waits",
    queries=(Query(select(m.LEDGER_WAITING_AGE).max(), "age"),),
    description="How far the sums are behind. Above minutes: the ledger is stuck, its log says why.",
    width=8,
    minimum=0,
)
EVENTS = Panel(
    key="events",
    title="Events applied",
    queries=(Query(select(m.LEDGER_EVENTS).rate().sum(m.Outcome), "{{outcome}}"),),
    description="Duplicates are retries, and cost nothing. Many refused: a sender is wrong, see the reasons beside.",
    width=8,
    minimum=0,
)
REFUSED = Panel(
    key="refused",
    title="Events not taken, by reason",
    queries=(Query(select(m.LEDGER_REFUSED).increase("1h").sum(m.Why), "{{reason}}"),),
    description="In an hour. `stackledger costs refused` shows each with what to send instead.",
    width=8,
    minimum=0,
)
APPLYING = Panel(
    key="applying",
    title="The store takes what comes",
    queries=(Query(select(m.LEDGER_APPLYING).min()),),
    description="`no`: the ledger's disk or database refuses. Nothing is lost; it goes on once that is mended.",
    style=Style.STAT,
    values=(ValueText(1, "yes", "green"), ValueText(0, "no", "red")),
    width=4,
    height=4,
)
PULL_OVERDUE = Panel(
    key="pull-overdue",
    title="Bills: time since the last pull, in intervals",
    queries=(
        Query(
            select(m.PULL_AGE).max(m.PullSource).over(select(m.PULL_INTERVAL).max(m.PullSource), on=(m.PullSource,)),
            "{{source}}",
        ),
    ),
    description="Up to 1 it is as it should be; above 3 a source has failed again and again: `costs pull` tells why.",
    width=8,
    minimum=0,
)
PULL_FAILURES = Panel(
    key="pull-failures",
    title="Bills: pulls that failed",
    queries=(Query(select(m.PULL_FAILURES).increase("1d").sum(m.PullSource, m.PullTrouble), "{{source}}: {{reason}}"),),
    description="In a day. auth: the key; connect, timeout: the vendor, or the way; protocol: an answer that is not"
    " clear.",
    width=8,
    minimum=0,
)
PULL_LINES = Panel(
    key="pull-lines",
    title="Bills: lines that pulls changed",
    queries=(Query(select(m.PULL_LINES).increase("1d").sum(m.PullSource, m.LineChange), "{{source}}: {{change}}"),),
    description="In a day. Replaced lines are restatements: with many, the comparison of a past month has moved.",
    width=8,
    minimum=0,
)
BOOK_AGE = Panel(
    key="book-age",
    title="Age of the price book",
    queries=(Query(select(m.PRICE_BOOK_AGE).max()),),
    description="Since it follows the vendors' prices. Old: new models have no price, moved ones a wrong one.",
    style=Style.STAT,
    width=4,
    height=4,
)
SIZE = Panel(
    key="size",
    title="Size of the ledger",
    queries=(Query(select(m.LEDGER_SIZE).max()),),
    description="On the disk, without the inbox. Some 60 bytes a call; compare with the room that is left.",
    style=Style.STAT,
    width=4,
    height=4,
)


def dashboards() -> tuple[Dashboard, ...]:
    """The board."""
    return (
        Dashboard(
            uid="stackledger-costs",
            title="Cost of models",
            folder=Folder.COST,
            description="For finance and the teams that spend: what calls to models cost, and who and what caused it.",
            rows=(
                Row("How much?", (TODAY, YESTERDAY, MONTH, LAST_MONTH, PER_USER, UNPRICED)),
                per_user_panels.row(),
                Row("Who and what caused it?", (BY_TEAM, BY_MODEL, BY_FEATURE, BY_ENVIRONMENT, USERS)),
                Row(
                    "Does the budget hold?",
                    (
                        BUDGET_USED,
                        BUDGET_PACE,
                        BUDGET_FORECAST,
                        BUDGET_OVER,
                        BUDGET_DEVIATION,
                        BUDGET_CONTRIBUTORS,
                    ),
                ),
                Row("How does it grow?", (TODAY_COURSE, MONTH_COURSE, UNITS, UNPRICED_MODELS)),
                Row("Are the bills there?", (PULL_OVERDUE, PULL_FAILURES, PULL_LINES)),
                Row("Is it current and whole?", (WAITING, WAITING_AGE, EVENTS, REFUSED, APPLYING, BOOK_AGE, SIZE)),
            ),
            tags=("cost",),
            span="now-7d",
        ),
    )
