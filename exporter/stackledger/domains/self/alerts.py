"""Alerts about sight: a target that cannot be read is said to be dark, never taken for healthy."""

from __future__ import annotations

from stackledger.catalogue import Cluster, Job
from stackledger.catalogue.prometheus import JOB, UP
from stackledger.collect import metrics as cm
from stackledger.domains.self import dashboard as d
from stackledger.domains.self import metrics as m
from stackledger.model import AlertRule, Fires, RuleTest, Severity, Silent
from stackledger.promql import above, absent, below, equals, select

_REDIS = 'cluster="sessions",integration="redis",target="sessions",lane="fast"'
_POSTGRES = 'cluster="orders",integration="postgres",target="orders",lane="fast"'
_SEEN = {"cluster": "sessions", "integration": "redis"}


def alerts() -> tuple[AlertRule, ...]:
    """Every alert about the service itself and what it sees."""
    return (_down(), _dark(), _partly_dark(), _refused(), _cut(), _lagging(), _discovery())


def _down() -> AlertRule:
    scraped = select(UP, Job.eq(JOB))
    return AlertRule(
        name="StackledgerDown",
        condition=equals(scraped.or_(absent(scraped) * 0), 0),
        hold="1m",
        severity=Severity.PAGE,
        summary="Prometheus cannot read stackledger: every alert on every system is blind",
        description="The process is down, or its address, token or certificate is wrong. Pages about systems that "
        "end now end because nothing is seen any more, not because anything recovered.",
        panel=d.SCRAPED,
        tests=(
            RuleTest(
                title="not readable for longer than a minute pages, one lost scrape does not",
                series={'up{job="stackledger",instance="a:9877"}': "1x4 0 1x4 0x12"},
                expect=(Silent("2m"), Fires("4m", ({"job": "stackledger", "instance": "a:9877"},))),
            ),
            RuleTest(
                title="a service that Prometheus no longer has pages as well, another job's does not count",
                series={'up{job="stackledger",instance="a:9877"}': "1x4 stale", 'up{job="other"}': "0x40"},
                expect=(Silent("1m"), Fires("8m", ({"job": "stackledger"},))),
            ),
        ),
    )


def _dark() -> AlertRule:
    return AlertRule(
        name="CannotSeeTarget",
        condition=equals(select(cm.SCRAPE_COMPLETENESS, cm.Lane.eq("fast")).max(Cluster, cm.Integration), 0),
        hold="1m",
        severity=Severity.PAGE,
        summary="Cannot see {{ $labels.integration }} {{ $labels.cluster }}: nothing of it can be read",
        description="Every alert on this target is blind until it is seen again; a page that went quiet may still be "
        "true. Run `stackledger doctor` for the reason: refused, timeout, wrong password or a protocol error.",
        panel=d.SUCCESS,
        tests=(
            RuleTest(
                title="a target that is dark for two minutes pages, one that is partly read does not",
                series={
                    f"stackledger_scrape_completeness_ratio{{{_REDIS}}}": "1x4 0x20",
                    f"stackledger_scrape_completeness_ratio{{{_POSTGRES}}}": "0.5x24",
                },
                expect=(Silent("1m"), Fires("3m", (_SEEN,))),
            ),
        ),
    )


def _partly_dark() -> AlertRule:
    return AlertRule(
        name="CannotSeeWholeTarget",
        condition=below(select(cm.SCRAPE_SUCCESS).min(Cluster, cm.Integration, cm.Lane), 1),
        hold="10m",
        severity=Severity.TICKET,
        summary="Part of {{ $labels.integration }} {{ $labels.cluster }} has not been readable for 10 minutes",
        description="Some node or aspect of the target is dark: its sums are held and its alerts are partly blind. "
        "`stackledger doctor` names the part and what to do, usually a missing right or a dead node.",
        panel=d.COMPLETENESS,
        tests=(
            RuleTest(
                title="partly dark for longer than ten minutes becomes a ticket",
                series={f"stackledger_scrape_success{{{_REDIS}}}": "1x4 0x60"},
                expect=(Silent("9m"), Fires("13m", ({**_SEEN, "lane": "fast"},))),
            ),
        ),
    )


def _refused() -> AlertRule:
    return AlertRule(
        name="ConfigurationRefused",
        condition=equals(select(m.RELOAD_SUCCESS), 0),
        hold="5m",
        severity=Severity.TICKET,
        summary="The newest stackledger configuration was refused; the one before it still runs",
        description="A change that somebody made is not in force. `stackledger check` lists every mistake.",
        panel=d.CONFIGURATION,
        tests=(
            RuleTest(
                title="refused for ten minutes",
                series={"stackledger_config_last_reload_successful": "1x4 0x40"},
                expect=(Silent("5m"), Fires("10m", ({},))),
            ),
        ),
    )


def _cut() -> AlertRule:
    return AlertRule(
        name="SeriesCut",
        condition=above(select(cm.SCRAPE_CUT_SERIES).sum(Cluster, cm.Integration), 0),
        hold="15m",
        severity=Severity.TICKET,
        summary="{{ $value }} series of {{ $labels.integration }} {{ $labels.cluster }} are left off the page",
        description="A metric reached its series budget. Totals stay exact, but single series are missing from boards.",
        panel=d.CUT,
        tests=(
            RuleTest(
                title="a spent budget becomes a ticket, none does not",
                series={f"stackledger_scrape_cut_series{{{_REDIS}}}": "0x4 12x80"},
                expect=(Silent("10m"), Fires("20m", (_SEEN,))),
            ),
        ),
    )


def _lagging() -> AlertRule:
    return AlertRule(
        name="StackledgerStarved",
        condition=above(select(m.LOOP_LAG).min_over("5m"), 0.5),
        hold="5m",
        severity=Severity.TICKET,
        summary="stackledger's event loop is late by {{ $value | humanizeDuration }}: reads and scrapes come late",
        description="The process gets too little CPU, or one of its reads blocks. Look at its CPU beside its limit.",
        panel=d.LAG,
        tests=(
            RuleTest(
                title="ten minutes of lag become a ticket, a single stall does not",
                series={"stackledger_event_loop_lag_seconds": "0x4 1 0x10 0.8x80"},
                expect=(Silent("4m"), Fires("20m", ({},))),
            ),
        ),
    )


def _discovery() -> AlertRule:
    return AlertRule(
        name="DiscoveryFailing",
        condition=equals(select(cm.DISCOVERY_SUCCESS).min(cm.Integration), 0),
        hold="10m",
        severity=Severity.TICKET,
        summary="The list of {{ $labels.integration }} targets cannot be read; the last good one stays",
        description="Targets that came or went since are not followed. The log names the source and the reason.",
        panel=d.TARGETS,
        tests=(
            RuleTest(
                title="failing for a quarter of an hour",
                series={'stackledger_discovery_success{integration="redis"}': "1x4 0x80"},
                expect=(Silent("8m"), Fires("15m", ({"integration": "redis"},))),
            ),
        ),
    )
