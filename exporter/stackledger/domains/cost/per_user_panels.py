"""The row of the cost board about the fully loaded cost per active user of the last closed month."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.domains.cost import per_user_metrics as m
from stackledger.model import ColumnStyle, Panel, Query, Row, Style, ValueText
from stackledger.promql import select

_SAME = " Nothing is shown while it is UNKNOWN. The same exactly: `stackledger costs per-user`."

COST = Panel(
    key="active-user",
    title="Cost per active user, last month",
    queries=(Query(select(m.PER_USER_COST).sum()),),
    description="Models, infrastructure and engineering as the definition beside says, for one active user. Compare"
    " the target." + _SAME,
    style=Style.STAT,
    width=4,
    height=4,
)
OF_TARGET = Panel(
    key="active-user-target",
    title="Cost per active user, of the target",
    queries=(
        Query(
            select(m.PER_USER_COST).sum(Cluster).over(select(m.PER_USER_TARGET).max(Cluster), on=(Cluster,)),
            "last month",
        ),
    ),
    description="Above 1 an active user cost more than costs.per_user.target_usd: the parts beside say on what.",
    width=8,
    minimum=0,
)
PARTS = Panel(
    key="active-user-parts",
    title="Cost per active user, by part",
    queries=(Query(select(m.PER_USER_COST).max(m.CostPart), "{{part}}"),),
    description="llm_attributed are calls that name their user; all else is allocated. The parts sum to the value."
    + _SAME,
    style=Style.BARGAUGE,
    width=8,
)
ACTIVE_USERS = Panel(
    key="active-users",
    title="Active users, last month",
    queries=(Query(select(m.ACTIVE_USERS).max()),),
    description="By the declared source; where it is `ledger`, only users who made a call. Far from what you expect:"
    " the source is wrong.",
    style=Style.STAT,
    width=4,
    height=4,
)
PER_REQUEST = Panel(
    key="per-request",
    title="Cost per call, by part",
    queries=(Query(select(m.PER_REQUEST_COST).max(m.CostPart), "{{part}}"),),
    description="The last month's cost of each part by calls to models. A dear call: another model, or cached input.",
    style=Style.BARGAUGE,
    width=8,
)
PER_TOKENS = Panel(
    key="per-thousand-tokens",
    title="Cost per thousand tokens, by part",
    queries=(Query(select(m.PER_TOKENS_COST).max(m.CostPart), "{{part}}"),),
    description="The last month's cost of each part by its tokens. Models alone rising: a dearer model or less cached.",
    style=Style.BARGAUGE,
    width=8,
)
LOADED = Panel(
    key="loaded-cost",
    title="What last month cost in all, by part",
    queries=(Query(select(m.LOADED_COST).max(m.CostPart), "{{part}}"),),
    description="The numerator. A part far from the month before: `costs per-user` names each source." + _SAME,
    style=Style.BARGAUGE,
    width=8,
)
KNOWN = Panel(
    key="active-user-known",
    title="Is the cost per active user known?",
    queries=(Query(select(m.PER_USER_KNOWN).max(m.Unknown), "{{reason}}"),),
    description="`no` with each reason. `costs per-user` says in words what is missing and what to do.",
    style=Style.STAT,
    values=(ValueText(1, "yes", "green"), ValueText(0, "no", "orange")),
    width=8,
    height=4,
)
SINCE_END = Panel(
    key="month-ended",
    title="Time since the month ended",
    queries=(Query(select(m.MONTH_END).age().max(Cluster), "last month"),),
    description="Bills take up to ten days. Above the line and still UNKNOWN: the panel beside names the reason, and"
    " `costs per-user` what to do.",
    width=8,
    minimum=0,
)
DEFINITION = Panel(
    key="active-user-definition",
    title="How the cost per active user is defined",
    queries=(Query(select(m.PER_USER_INFO)),),
    description="The month, its zone, the parts, who counts as active and how shared cost is spread: costs.per_user.",
    style=Style.TABLE,
    columns=(
        ColumnStyle("month", "Month"),
        ColumnStyle("zone", "Zone"),
        ColumnStyle("llm", "Models"),
        ColumnStyle("infrastructure", "Infrastructure"),
        ColumnStyle("engineering", "Engineering"),
        ColumnStyle("users_from", "Active users from"),
        ColumnStyle("spread", "Shared cost spread"),
    ),
    width=16,
    height=4,
)


def row() -> Row:
    """The row."""
    return Row(
        "What does an active user cost?",
        (COST, ACTIVE_USERS, KNOWN, SINCE_END, PARTS, LOADED, OF_TARGET, PER_REQUEST, PER_TOKENS, DEFINITION),
    )
