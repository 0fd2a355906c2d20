"""A message as the person on call sees it, and the link in it. Owns no delivery."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.receiver import Received, Service

_WIDTH = 66
_SLACK_LINK = re.compile(r"<([^|>]+)\|([^>]+)>")
_NAMES = {Service.PAGERDUTY: "PagerDuty", Service.SLACK: "Slack", Service.EMAIL: "Email"}


@dataclass(frozen=True)
class Link:
    """A link to a panel: the board, the panel's id, the board's variables, and the time range that it opens with."""

    url: str
    board: str
    panel: int
    variables: Mapping[str, str]

    @classmethod
    def read(cls, url: str) -> Link:
        """The parts of an address such as /d/redis?viewPanel=17&var-cluster=cache&from=...&to=now."""
        parts = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        variables = {name.removeprefix("var-"): value for name, value in query.items() if name.startswith("var-")}
        number = query.get("viewPanel", "0").removeprefix("panel-")
        return cls(url, parts.path.split("/")[2], int(number), variables)


def alert_of(message: Received) -> str:
    """Name of the alert that a page of PagerDuty is about; empty for anything else."""
    payload = message.content.get("payload")
    return str(payload.get("class", "")) if isinstance(payload, dict) else ""


def link_of(page: Received) -> Link:
    """The link to the panel in a page of PagerDuty."""
    return Link.read(str(page.content["client_url"]))


def title_of(message: Received) -> str:
    """The one line that a locked phone shows."""
    if message.service is Service.PAGERDUTY:
        return str(message.content["payload"]["summary"])
    if message.service is Service.SLACK:
        return str(_attachment(message.content).get("title", message.content.get("text", "")))
    return str(message.content.get("subject", ""))


def text_of(message: Received) -> str:
    """What opening the message shows."""
    if message.service is Service.PAGERDUTY:
        details = message.content["payload"].get("custom_details") or {}
        return str(details.get("what", "")).strip()
    if message.service is Service.SLACK:
        return _SLACK_LINK.sub(r"[\2]", str(_attachment(message.content).get("text", ""))).strip()
    return str(message.content.get("text", "")).strip()


def screen(message: Received, *, whole: bool = True) -> str:
    """The message as a phone shows it, framed; its title alone unless `whole`."""
    clock = time.strftime("%H:%M:%S", time.localtime(message.at))
    head = f" {_NAMES[message.service]} "
    rows = [f"╭─{head}{'─' * (_WIDTH - len(head) - len(clock) - 4)} {clock} ─╮"]
    rows += [_row(line) for line in textwrap.wrap(title_of(message), _WIDTH - 2)]
    if whole:
        rows.append(_row(""))
        for paragraph in text_of(message).splitlines():
            lines = textwrap.wrap(paragraph, _WIDTH - 2, break_long_words=False, break_on_hyphens=False) or [""]
            rows += [_row(line) for line in lines]
    return "\n".join([*rows, f"╰{'─' * _WIDTH}╯"])


def _row(text: str) -> str:
    """A framed line; one that is too long, as an address may be, is left open so that it can be copied."""
    return f"│ {text:{_WIDTH - 2}} │"


def _attachment(content: Mapping[str, Any]) -> Mapping[str, Any]:
    found = content.get("attachments") or [{}]
    return found[0] if isinstance(found[0], dict) else {}
