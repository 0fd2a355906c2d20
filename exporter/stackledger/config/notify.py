"""Who is told, and how. Secrets are files that Alertmanager reads itself: they never pass through this program."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from stackledger.clients.settings import Address, Settings, TeamName, WebAddress

VERSION = r"^\d+\.\d+(\.\d+)?$"


class Slack(Settings):
    """Messages by an incoming webhook."""

    api_url_file: str
    """File on Alertmanager's machine that holds the webhook's address."""
    channel: str = "#alerts"
    """Channel for everything that no team's channel takes."""


class PagerDuty(Settings):
    """Pages by the Events API v2."""

    routing_key_file: str
    """File on Alertmanager's machine that holds the integration key."""
    url: WebAddress | None = None
    """Address of the Events API. Default: PagerDuty's own; a relay or a test sets another."""


class Email(Settings):
    """Mail by SMTP."""

    smarthost: Address
    """The mail server, host:port."""
    sender: str
    """Address that mail comes from."""
    to: tuple[str, ...] = Field(min_length=1)
    """Addresses for everything that no team's take."""
    username: str | None = None
    """Name to log in with, together with `password_file`; without them there is no login."""
    password_file: str | None = None
    """File on Alertmanager's machine that holds the password."""
    require_tls: bool = True
    """Whether to refuse a server without STARTTLS."""

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if bool(self.username) != bool(self.password_file):
            raise ValueError("give `username` and `password_file` both, or neither")
        return self


class Team(Settings):
    """Where one team wants to be told; what is left out goes where everything else goes."""

    slack_channel: str | None = None
    """The team's channel."""
    pagerduty_routing_key_file: str | None = None
    """File with the integration key of the team's own PagerDuty service."""
    email_to: tuple[str, ...] = ()
    """The team's addresses."""


class Notify(Settings):
    """Alertmanager's routing. Pages go to PagerDuty and Slack, tickets to Slack and email."""

    alertmanager_version: str = Field(default="0.27", pattern=VERSION)
    """Version that will read the file; decides what may be written."""
    alertmanager: Address = "127.0.0.1:9093"
    """Where Prometheus finds Alertmanager."""
    slack: Slack | None = None
    """Slack, if you use it."""
    pagerduty: PagerDuty | None = None
    """PagerDuty, if you use it."""
    email: Email | None = None
    """Email, if you use it."""
    teams: dict[Annotated[TeamName, Field(min_length=1)], Team] = Field(default_factory=dict)
    """Teams by the name that `owner` (of the root or an integration) or `team` (of an override or rule) uses."""
    group_wait_seconds: float = Field(default=10, ge=0, le=86400)
    """How long the first message of an incident waits for its companions. 10: a failing node brings them at once."""
    group_interval_seconds: float = Field(default=300, ge=1, le=86400)
    """How long until news of the same incident is sent. 300: Alertmanager's own default."""
    repeat_interval_seconds: float = Field(default=14400, ge=60, le=31_536_000)
    """How long until an unchanged incident is sent again. 14400: four hours, Alertmanager's own default."""
