"""From a configuration to the plain `Inputs` of the renderers: the one place that knows both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from stackledger import registry, units
from stackledger.catalogue import Kind, Label, Metric, Origin
from stackledger.catalogue.prometheus import JOB
from stackledger.clock import Clock, SystemClock
from stackledger.config import Configuration, notify, outputs
from stackledger.generate import inputs as g
from stackledger.model import Severity


def inputs_of(configuration: Configuration, clock: Clock | None = None) -> g.Inputs:
    """Everything that is rendered for this configuration."""
    root = configuration.root
    today = dt.datetime.fromtimestamp((clock or SystemClock()).now(), dt.UTC).date()
    return g.Inputs(
        organisation=root.organisation,
        environment=root.environment,
        region=root.region,
        today=today,
        links=_links(configuration),
        sections=tuple(_sections(configuration)),
        scrape_jobs=(_scrape_job(configuration),),
        alertmanager=_alertmanager(root.notify),
        grafana=g.Grafana(version=_version(root.links.grafana_version)),
        prometheus=g.Prometheus(
            version=_version(root.prometheus.version),
            evaluation_interval=_duration(root.prometheus.evaluation_interval_seconds),
        ),
        overrides=tuple(_overrides(configuration)),
        extra_rules=tuple(_extra_rules(configuration)),
        default_team=root.owner,
        teams=tuple(_teams(configuration)),
        known=_known(root.extra),
    )


def _known(extra: outputs.Extra) -> dict[str, Metric[Any]]:
    """Every metric that a user's own rule may use, by sample name: ours, and those declared as others'."""
    metrics = (*registry.metrics(), *(_external(one) for one in extra.metrics))
    return {sample: metric for metric in metrics for sample in metric.sample_names}


def _external(declared: outputs.ExternalMetric) -> Metric[Any]:
    labels = tuple(
        type(f"External{name}", (Label,), {"__doc__": "Declared under extra.metrics.", "name": name})
        for name in declared.labels
    )
    doc = "Declared under extra.metrics."
    kind = Kind(declared.type)
    return Metric(declared.name, kind, units.COUNT, doc, labels=labels, budget=1_000_000, origin=Origin.EXTERNAL)


def _duration(seconds: float) -> str:
    return f"{int(seconds)}s" if float(seconds).is_integer() else f"{round(seconds * 1000)}ms"


def _version(text: str) -> g.Version:
    return tuple(int(part) for part in text.split("."))


def _links(configuration: Configuration) -> g.Links:
    root = configuration.root
    own = f"{'https' if root.http.tls else 'http'}://{root.http.listen}/runbooks"
    return g.Links(
        grafana_url=root.links.grafana_url.rstrip("/"),
        prometheus_url=root.prometheus.url.rstrip("/"),
        runbook_base_url=(root.links.runbook_url or own).rstrip("/"),
    )


def _sections(configuration: Configuration) -> Iterator[g.Section]:
    enabled = configuration.enabled
    for domain in registry.DOMAINS:
        yield g.Section(
            name=domain.name,
            title=domain.title,
            team=configuration.root.owner,
            runbooks=domain.runbooks,
            dashboards=domain.dashboards(enabled),
            alerts=domain.alerts(enabled),
            slos=domain.slos(enabled),
        )
    for integration, section in configuration.sections():
        yield g.Section(
            name=integration.name,
            title=integration.title,
            team=section.owner or configuration.root.owner,
            runbooks=integration.runbooks,
            dashboards=integration.dashboards(),
            alerts=integration.alerts(),
            slos=integration.slos(),
        )


def _scrape_job(configuration: Configuration) -> g.ScrapeJob:
    http, prometheus = configuration.root.http, configuration.root.prometheus
    interval = prometheus.scrape_interval_seconds
    return g.ScrapeJob(
        name=JOB,
        address=prometheus.scrape_address or http.listen,
        scheme="https" if http.tls else "http",
        interval=_duration(interval),
        timeout=_duration(min(10.0, interval)),
        sample_limit=prometheus.sample_limit,
        bearer_token_file=prometheus.token_file or "",
        ca_file=prometheus.ca_file or "",
        cert_file=prometheus.cert_file or "",
        key_file=prometheus.key_file or "",
    )


def _alertmanager(settings: notify.Notify) -> g.Alertmanager:
    return g.Alertmanager(
        version=_version(settings.alertmanager_version),
        address=settings.alertmanager,
        slack=_slack(settings),
        pagerduty=_pagerduty(settings),
        email=_email(settings),
        group_wait=_duration(settings.group_wait_seconds),
        group_interval=_duration(settings.group_interval_seconds),
        repeat_interval=_duration(settings.repeat_interval_seconds),
    )


def _slack(settings: notify.Notify) -> g.Slack | None:
    if settings.slack is None:
        return None
    channels = {name: team.slack_channel for name, team in settings.teams.items() if team.slack_channel}
    return g.Slack(settings.slack.api_url_file, settings.slack.channel, channels)


def _pagerduty(settings: notify.Notify) -> g.PagerDuty | None:
    if settings.pagerduty is None:
        return None
    teams = settings.teams.items()
    keys = {name: team.pagerduty_routing_key_file for name, team in teams if team.pagerduty_routing_key_file}
    return g.PagerDuty(settings.pagerduty.routing_key_file, keys, settings.pagerduty.url or "")


def _email(settings: notify.Notify) -> g.Email | None:
    mail = settings.email
    if mail is None:
        return None
    return g.Email(
        smarthost=mail.smarthost,
        sender=mail.sender,
        to=", ".join(mail.to),
        to_teams={name: ", ".join(team.email_to) for name, team in settings.teams.items() if team.email_to},
        username=mail.username or "",
        password_file=mail.password_file or "",
        require_tls=mail.require_tls,
    )


def _teams(configuration: Configuration) -> Iterator[g.Team]:
    for name in configuration.root.notify.teams:
        file, line, path = configuration.place("notify", "teams", name)
        yield g.Team(name, path=path, file=file, line=line)


def _overrides(configuration: Configuration) -> Iterator[g.Override]:
    for index, override in enumerate(configuration.root.alerts.overrides):
        file, line, path = configuration.place("alerts", "overrides", index)
        yield _override(override, file=file, line=line, path=path)


def _override(override: outputs.Override, *, file: str, line: int, path: str) -> g.Override:
    return g.Override(
        name=override.alert,
        matchers=tuple(g.LabelMatch(label, value) for label, value in override.match.items()),
        threshold=override.threshold,
        hold=override.hold,
        severity=Severity(override.severity) if override.severity else None,
        team=override.team,
        enabled=override.enabled,
        reason=override.reason,
        expires=override.expires,
        path=path,
        file=file,
        line=line,
    )


def _extra_rules(configuration: Configuration) -> Iterator[g.ExtraRule]:
    for index, rule in enumerate(configuration.root.extra.rules):
        file, line, path = configuration.place("extra", "rules", index)
        yield g.ExtraRule(
            name=rule.alert,
            expr=rule.expr,
            hold=rule.hold,
            severity=Severity(rule.severity),
            team=rule.team or configuration.root.owner,
            summary=rule.summary,
            description=rule.description or rule.summary,
            path=path,
            file=file,
            line=line,
        )
