"""Alerts on the ledger: sums that are behind, calls without a price, a book that is old."""

from __future__ import annotations

from stackledger.catalogue import Cluster
from stackledger.domains.cost import dashboard as d
from stackledger.domains.cost import metrics as m
from stackledger.domains.cost import per_user_alerts
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, equals, select

_LEDGER = 'cluster="ledger"'
_DAY = 86_400


def alerts() -> tuple[AlertRule, ...]:
    """Every alert on cost and its ledger."""
    return (
        _refuses(),
        _behind(),
        _unpriced(),
        _refused(),
        _old_book(),
        _used_up(),
        _will_not_hold(),
        _out_of_the_ordinary(),
        *per_user_alerts.alerts(),
        _pull_overdue(),
    )


def _refuses() -> AlertRule:
    return AlertRule(
        name="LedgerCannotApply",
        condition=equals(select(m.LEDGER_APPLYING), 0),
        hold="5m",
        severity=Severity.TICKET,
        summary="The cost ledger's store refuses what comes in",
        description="What was accepted waits safely in the inbox and the sums stand still. Its disk is full, its"
        " database is down or its file is held by another process: the ledger's log says which.",
        panel=d.APPLYING,
        inhibits=("LedgerBehind",),
        tests=(
            RuleTest(
                title="refusing for longer than five minutes becomes a ticket, a moment does not",
                series={f"stackledger_ledger_applying{{{_LEDGER}}}": "1x4 0x4 1x4 0x40"},
                expect=(Silent("3m"), Fires("10m", ({"cluster": "ledger"},))),
            ),
        ),
    )


def _behind() -> AlertRule:
    return AlertRule(
        name="LedgerBehind",
        condition=above(select(m.LEDGER_WAITING_AGE), 600),
        hold="5m",
        severity=Severity.TICKET,
        summary="The cost ledger is {{ $value | humanizeDuration }} behind what was accepted",
        description="Nothing is lost, but costs and budgets are older than they look. More comes in than one ledger"
        " applies, or it was stopped: compare events that wait with events applied.",
        panel=d.WAITING_AGE,
        tests=(
            RuleTest(
                title="behind by more than ten minutes for five becomes a ticket",
                series={f"stackledger_ledger_waiting_age_seconds{{{_LEDGER}}}": "0+15x80"},
                expect=(Silent("14m"), Fires("16m", ({"cluster": "ledger"},))),
            ),
        ),
    )


def _unpriced() -> AlertRule:
    calls = select(m.LLM_MODEL_UNPRICED_CALLS, m.Period.eq("today"))
    return AlertRule(
        name="ModelWithoutPrice",
        condition=above(calls, 0),
        hold="15m",
        severity=Severity.TICKET,
        summary="{{ $value }} calls of {{ $labels.model }} ({{ $labels.provider }}) today have no known price",
        description="They are in no sum and no budget. Update the price book, or give a negotiated price under"
        " costs.prices; `costs reprice` then prices what is there already.",
        panel=d.UNPRICED_MODELS,
        tests=(
            RuleTest(
                title="unpriced calls for a quarter of an hour become a ticket; those of yesterday do not",
                series={
                    f"stackledger_llm_model_unpriced_calls{{{_LEDGER},"
                    'period="today",provider="acme",model="new-1"}': "0x4 3x90",
                    f"stackledger_llm_model_unpriced_calls{{{_LEDGER},"
                    'period="yesterday",provider="acme",model="old-1"}': "7x94",
                },
                expect=(
                    Silent("14m"),
                    Fires(
                        "17m",
                        ({"cluster": "ledger", "period": "today", "provider": "acme", "model": "new-1"},),
                    ),
                ),
            ),
        ),
    )


def _refused() -> AlertRule:
    return AlertRule(
        name="UsageEventsRefused",
        condition=above(select(m.LEDGER_REFUSED).increase("1h"), 0),
        hold="5m",
        severity=Severity.TICKET,
        summary="Usage events are not taken: {{ $labels.reason }}",
        description="A sender is wrong, and what it spent is missing from the sums. `stackledger costs refused` shows"
        " each event with its source and what to send instead.",
        panel=d.REFUSED,
        tests=(
            RuleTest(
                title="refused events become a ticket, and it ends an hour after the last",
                series={
                    f'stackledger_ledger_refused_events_total{{{_LEDGER},reason="impossible_count"}}': "0x8 5x400",
                    f'stackledger_ledger_refused_events_total{{{_LEDGER},reason="conflict"}}': "0x408",
                },
                expect=(
                    Silent("4m"),
                    Fires("12m", ({"cluster": "ledger", "reason": "impossible_count"},)),
                    Silent("90m"),
                ),
            ),
        ),
    )


def _old_book() -> AlertRule:
    return AlertRule(
        name="PriceBookOld",
        condition=above(select(m.PRICE_BOOK_AGE), 45 * _DAY),
        hold="1h",
        severity=Severity.TICKET,
        summary="The price book has not followed the vendors' prices for {{ $value | humanizeDuration }}",
        description="New models have no price and moved prices are wrong in every estimate. Upgrade the price data and"
        " run `stackledger costs prices update`; what moved much waits for approval.",
        panel=d.BOOK_AGE,
        tests=(
            RuleTest(
                title="older than 45 days becomes a ticket, 44 days do not",
                series={
                    f"stackledger_price_book_age_seconds{{{_LEDGER}}}": "3900000x500",
                    'stackledger_price_book_age_seconds{cluster="young"}': "3800000x500",
                },
                expect=(Silent("50m"), Fires("70m", ({"cluster": "ledger"},))),
            ),
        ),
    )


_WHO = (
    " Spending most:{{ range printf `topk(3, stackledger_budget_contributor_cost_usd{budget='%s'})` $labels.budget"
    " | query }} {{ .Labels.attribute }} {{ .Labels.value }} ({{ .Value | printf `%.2f` }} USD){{ end }}."
)


def _used_up() -> AlertRule:
    return AlertRule(
        name="BudgetUsedUp",
        condition=above(select(m.BUDGET_USED), 1),
        hold="5m",
        severity=Severity.TICKET,
        summary="The budget {{ $labels.budget }} is used up: {{ $value | humanizePercentage }} of it",
        description="What is spent and set aside is above the amount of the current period; a hard budget refuses"
        " reservations now." + _WHO,
        panel=d.BUDGET_USED,
        inhibits=("BudgetWillNotHold",),
        tests=(
            RuleTest(
                title="above its amount for five minutes becomes a ticket, all of it used does not",
                series={
                    f'stackledger_budget_used_ratio{{{_LEDGER},budget="search"}}': "0.9x4 1.01x60",
                    f'stackledger_budget_used_ratio{{{_LEDGER},budget="chat"}}': "1x64",
                },
                expect=(Silent("5m"), Fires("8m", ({"cluster": "ledger", "budget": "search"},))),
            ),
        ),
    )


def _will_not_hold() -> AlertRule:
    expected = select(m.BUDGET_FORECAST, m.Bound.eq("expected")).max(Cluster, m.BudgetName)
    limit = select(m.BUDGET_LIMIT).max(Cluster, m.BudgetName)
    return AlertRule(
        name="BudgetWillNotHold",
        condition=above(expected.over(limit, on=(Cluster, m.BudgetName)), 1.05),
        hold="2h",
        severity=Severity.TICKET,
        summary="The budget {{ $labels.budget }} will not hold: {{ $value | humanizePercentage }} of it at the end",
        description="At the pace of the same weekdays before, the period costs more than its amount." + _WHO,
        panel=d.BUDGET_OVER,
        tests=(
            RuleTest(
                title="an expected end above the limit for two hours becomes a ticket; a high bound alone does not",
                series={
                    f'stackledger_budget_forecast_usd{{{_LEDGER},budget="search",bound="expected"}}': "1100x200",
                    f'stackledger_budget_forecast_usd{{{_LEDGER},budget="search",bound="high"}}': "1500x200",
                    f'stackledger_budget_limit_usd{{{_LEDGER},budget="search"}}': "1000x200",
                    f'stackledger_budget_forecast_usd{{{_LEDGER},budget="chat",bound="expected"}}': "900x200",
                    f'stackledger_budget_forecast_usd{{{_LEDGER},budget="chat",bound="high"}}': "1300x200",
                    f'stackledger_budget_limit_usd{{{_LEDGER},budget="chat"}}': "1000x200",
                },
                expect=(Silent("110m"), Fires("125m", ({"cluster": "ledger", "budget": "search"},))),
                interval="1m",
            ),
        ),
    )


def _out_of_the_ordinary() -> AlertRule:
    return AlertRule(
        name="CostOutOfTheOrdinary",
        condition=above(select(m.BUDGET_DEVIATION), 4),
        hold="30m",
        severity=Severity.TICKET,
        summary="Yesterday the budget {{ $labels.budget }} was spent faster than on any such weekday before",
        description="{{ $value | printf `%.1f` }} standard deviations above the same weekday of the weeks before: a"
        " loop, a release or a new user." + _WHO,
        panel=d.BUDGET_DEVIATION,
        tests=(
            RuleTest(
                title="far above the same weekdays becomes a ticket, within their scatter it does not",
                series={
                    f'stackledger_budget_yesterday_deviation{{{_LEDGER},budget="search"}}': "6.5x200",
                    f'stackledger_budget_yesterday_deviation{{{_LEDGER},budget="chat"}}': "3x200",
                },
                expect=(Silent("20m"), Fires("40m", ({"cluster": "ledger", "budget": "search"},))),
            ),
        ),
    )


def _pull_overdue() -> AlertRule:
    age = select(m.PULL_AGE).max(Cluster, m.PullSource)
    interval = select(m.PULL_INTERVAL).max(Cluster, m.PullSource)
    return AlertRule(
        name="BillPullOverdue",
        condition=above(age.over(interval, on=(Cluster, m.PullSource)), 3),
        hold="30m",
        severity=Severity.TICKET,
        summary="No bill could be pulled from {{ $labels.source }} for {{ $value | printf `%.1f` }} of its intervals",
        description="Estimates go on, but nothing compares them with what {{ $labels.source }} bills, and the month"
        " cannot be closed. `stackledger costs pull --source {{ $labels.source }}` tells why.",
        panel=d.PULL_OVERDUE,
        tests=(
            RuleTest(
                title="older than three of its own intervals becomes a ticket; an older one with a longer does not",
                series={
                    f'stackledger_pull_age_seconds{{{_LEDGER},source="openai"}}': "258000+60x120",
                    f'stackledger_pull_interval_seconds{{{_LEDGER},source="openai"}}': "86400x120",
                    f'stackledger_pull_age_seconds{{{_LEDGER},source="aws"}}': "1700000+60x120",
                    f'stackledger_pull_interval_seconds{{{_LEDGER},source="aws"}}': "604800x120",
                },
                expect=(Silent("45m"), Fires("60m", ({"cluster": "ledger", "source": "openai"},))),
                interval="1m",
            ),
        ),
    )
