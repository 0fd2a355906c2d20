"""Alerts on the fully loaded cost per active user of the last closed month: too high, or still UNKNOWN."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.domains.cost import per_user_metrics as m
from stackledger.domains.cost import per_user_panels as d
from stackledger.ledger.per_user.definition import Reason
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, equals, select

_LEDGER = 'cluster="ledger"'
_DAY = 86_400


def alerts() -> tuple[AlertRule, ...]:
    """Both alerts."""
    return (_too_dear(), _unknown())


def _too_dear() -> AlertRule:
    target = select(m.PER_USER_TARGET).max(Cluster)
    return AlertRule(
        name="CostPerUserAboveTarget",
        condition=above(select(m.PER_USER_COST).sum(Cluster).over(target, on=(Cluster,)), 1),
        hold="15m",
        severity=Severity.TICKET,
        summary="An active user cost {{ $value | humanizePercentage }} of the target last month",
        description="The closed month's whole cost for each active user is above costs.per_user.target_usd. The board"
        " shows the parts; `stackledger costs per-user --by-user` shows who and what.",
        panel=d.OF_TARGET,
        tests=(
            RuleTest(
                title="parts that sum to more than the target become a ticket; at the target or without one not",
                series={
                    f'stackledger_cost_per_active_user_usd{{{_LEDGER},part="llm_attributed"}}': "3x60",
                    f'stackledger_cost_per_active_user_usd{{{_LEDGER},part="infrastructure"}}': "2.5x60",
                    f"stackledger_cost_per_active_user_target_usd{{{_LEDGER}}}": "5x60",
                    'stackledger_cost_per_active_user_usd{cluster="at",part="llm_attributed"}': "5x60",
                    'stackledger_cost_per_active_user_target_usd{cluster="at"}': "5x60",
                    'stackledger_cost_per_active_user_usd{cluster="free",part="llm_attributed"}': "50x60",
                },
                expect=(Silent("10m"), Fires("20m", ({"cluster": "ledger"},))),
                interval="1m",
            ),
        ),
    )


def _unknown() -> AlertRule:
    unknown = equals(select(m.PER_USER_KNOWN, m.Unknown.ne(Reason.NO_DEFINITION)), 0)
    return AlertRule(
        name="CostPerUserUnknown",
        condition=above(select(m.MONTH_END).age().max(Cluster), 12 * _DAY).where(
            unknown.vector.max(Cluster), on=(Cluster,)
        ),
        hold="1h",
        severity=Severity.TICKET,
        summary="Last month's cost per active user is still UNKNOWN, {{ $value | humanizeDuration }} after its end",
        description="A bill, a rate, a price or the number of active users is missing. `stackledger costs per-user`"
        " says which, and what to do.",
        panel=d.SINCE_END,
        tests=(
            RuleTest(
                title="UNKNOWN for more than twelve days becomes a ticket, and it ends when the value is known",
                series={
                    # it ended twelve days less two hours before the case begins
                    f"stackledger_cost_month_end_timestamp_seconds{{{_LEDGER}}}": "-1029600x250",
                    f'stackledger_cost_per_active_user_known{{{_LEDGER},reason="no_bill"}}': "0x199 _x51",
                    f'stackledger_cost_per_active_user_known{{{_LEDGER},reason="none"}}': "_x200 1x50",
                    'stackledger_cost_month_end_timestamp_seconds{cluster="well"}': "-1029600x250",
                    'stackledger_cost_per_active_user_known{cluster="well",reason="none"}': "1x250",
                    'stackledger_cost_month_end_timestamp_seconds{cluster="undefined"}': "-1029600x250",
                    'stackledger_cost_per_active_user_known{cluster="undefined",reason="no_definition"}': "0x250",
                },
                expect=(Silent("175m"), Fires("190m", ({"cluster": "ledger"},)), Silent("215m")),
                interval="1m",
            ),
        ),
    )
