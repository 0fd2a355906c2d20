"""What a person watches while the demo runs: a few lines, read from Prometheus and the service as any user could.

Owns the questions and their wording.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from lab.demo.figures import duration, figure
from lab.process import ServerFailedError
from lab.prometheus import Prometheus

_WINDOW_SECONDS = 30 * 86_400
_SLICE_SECONDS = 30
_METHOD = re.compile(r"budgetingMethod: (\w+)")
_LOAD = {
    "redis": ("sum(rate(redis_commands_processed_total[30s]))", "commands/s"),
    "postgres": ("sum(rate(pg_stat_database_xact_commit[30s]))", "transactions/s"),
    "kafka": ("sum(rate(kminion_kafka_topic_high_water_mark_sum[30s]))", "records/s"),
}
_BEHIND = {
    "kafka": ("sum(kminion_kafka_consumer_group_topic_lag)", "consumers {} records behind", "short"),
    "postgres": ("max(pg_replication_lag_seconds)", "standbys {} behind", "s"),
}


@dataclass(frozen=True)
class Watched:
    """Where the summary looks."""

    prometheus: Prometheus
    console: str
    generated: Path
    systems: tuple[str, ...]


def lines(watched: Watched, *, began: float) -> list[str]:
    """The summary now; a part that does not answer says so."""
    parts: tuple[Callable[[], str], ...] = (
        lambda: _targets(watched, began),
        lambda: "load      " + ", ".join(_load(watched)),
        lambda: "behind    " + (", ".join(_behind(watched)) or "nothing here follows another"),
        lambda: "\n".join(_budgets(watched)),
        lambda: "money     " + "; ".join(_money(watched.prometheus)),
        lambda: "alerts    " + (", ".join(_firing(watched.prometheus)) or "none fires"),
    )
    return [line for part in parts for line in _answered(part).splitlines() if line.strip()]


def _answered(part: Callable[[], str]) -> str:
    try:
        return part()
    except (httpx.HTTPError, ServerFailedError, ValueError, KeyError) as error:
        return f"(no answer: {error})"


def _targets(watched: Watched, began: float) -> str:
    statuses = httpx.get(f"{watched.console}/api/v1/targets", timeout=10, trust_env=False).json()
    names = {(status["integration"], status["target"]) for status in statuses}
    troubled = {(status["integration"], status["target"]) for status in statuses if status["state"] != "seen"}
    series = watched.prometheus.value("sum(scrape_samples_scraped)")
    seen = f"{len(names) - len(troubled)} of {len(names)} targets wholly seen"
    return f"after {duration(int(time.time() - began))}: {seen}, {int(series or 0):,} series"


def _load(watched: Watched) -> Iterator[str]:
    for name in watched.systems:
        query, noun = _LOAD[name]
        yield f"{name} {_number(watched.prometheus, query, 'short')} {noun}"


def _behind(watched: Watched) -> Iterator[str]:
    for name in watched.systems:
        if name in _BEHIND:
            query, text, unit = _BEHIND[name]
            yield text.format(_number(watched.prometheus, query, unit))


def _number(prometheus: Prometheus, query: str, unit: str) -> str:
    value = prometheus.value(query)
    return "?" if value is None else figure(round(value, 3) if unit == "s" else round(value), unit)


def _firing(prometheus: Prometheus) -> Iterator[str]:
    for series in prometheus.query('count by (alertname, severity, cluster) (ALERTS{alertstate="firing"})'):
        labels = series["metric"]
        yield f"{labels['alertname']} ({labels.get('severity', '?')}, {labels.get('cluster', '')})"


# -- money -------------------------------------------------------------------------------------------------------------


def _money(prometheus: Prometheus) -> Iterator[str]:
    """Today's calls to models, and what is left of each budget, to the cent."""
    cost = prometheus.value('max(stackledger_llm_cost_usd{period="today"})')
    unpriced = prometheus.value('max(stackledger_llm_unpriced_calls{period="today"})')
    if cost is None:
        yield "nothing is known yet"
        return
    yield f"{_usd(cost)} today, {int(unpriced or 0):,} calls without a price"
    users = 'max by (user) (stackledger_llm_user_cost_usd{period="today",user!~"|other"})'
    for series in prometheus.query(f"topk(1, {users})"):
        # By hash, as it leaves the ledger; `costs report --by user` tells the name to who may ask.
        yield f"{_usd(float(series['value'][1]))} of it user {series['metric']['user'][:8]}"
    left = "stackledger_budget_limit_usd - stackledger_budget_spent_usd - stackledger_budget_reserved_usd"
    limits = {s["metric"]["budget"]: float(s["value"][1]) for s in prometheus.query("stackledger_budget_limit_usd")}
    for series in prometheus.query(left):
        name, rest = series["metric"]["budget"], float(series["value"][1])
        yield f"budget {name}: " + (
            f"{_usd(rest)} of {_usd(limits[name])} left" if rest >= 0 else f"overspent by {_usd(-rest)}"
        )


def _usd(amount: float) -> str:
    return figure(amount, "currencyUSD")


# -- error budgets ---------------------------------------------------------------------------------------------------


def _budgets(watched: Watched) -> Iterator[str]:
    """One line per promise. A budget is a time where every half minute counts, and failures where events do."""
    prometheus = watched.prometheus
    promised = {
        series["metric"]["slo"]: float(series["value"][1]) for series in prometheus.query("slo:objective:ratio")
    }
    events = {_key(s): float(s["value"][1]) for s in prometheus.query('slo:events:count{window="30d"}')}
    for series in sorted(prometheus.query("slo:budget_remaining:ratio"), key=lambda s: str(s["metric"])):
        name, left = series["metric"]["slo"], float(series["value"][1])
        budget = 1 - promised.get(name, 1.0)
        words = _in_words(watched, series["metric"]["slo"], left, budget, events.get(_key(series), 0))
        cluster = series["metric"].get("cluster", "")
        yield f"budget    {name} {cluster}: {words} (promised {figure(1 - budget, 'percentunit')} over 30 days)"


def _key(series: dict[str, dict[str, str]]) -> tuple[str, str]:
    return series["metric"]["slo"], series["metric"].get("cluster", "")


def _in_words(watched: Watched, slo: str, left: float, budget: float, events: float) -> str:
    spent = (1 - left) * budget * events
    if _by_time(watched.generated, slo):
        # The rules judge what they have seen; in minutes of the whole window a young stack has hardly spent anything.
        whole, spent = budget * _WINDOW_SECONDS, spent * _SLICE_SECONDS
        amount, total, noun = duration(round(abs(whole - spent))), duration(whole), ""
    else:
        whole = budget * events
        amount, total, noun = f"{abs(whole - spent):,.1f}", f"{whole:,.1f}", f" failures in {events:,.0f} events"
    return f"{amount} of {total}{noun} left" if spent <= whole else f"overspent by {amount} of {total}{noun}"


def _by_time(generated: Path, slo: str) -> bool:
    """Whether the SLO's document says that it counts time, not events."""
    method = _METHOD.search((generated / "slo" / f"{slo}.yaml").read_text())
    return method is not None and method[1] == "Timeslices"
