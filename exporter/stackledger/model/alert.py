"""An alert: the condition, how long, how urgent, what it means, which panel shows it, and proofs written by hand.

Owns the values. The runbook is the file `runbooks/<name>.md` beside the declaration; routing is the generator's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from stackledger.errors import DeclarationError
from stackledger.model.dashboard import Panel
from stackledger.promql import Condition

_NAME = re.compile(r"[A-Z][A-Za-z0-9]+\Z")


class Severity(StrEnum):
    """How soon a person must look."""

    PAGE = "page"  # now, at any hour
    TICKET = "ticket"  # in working hours
    INFO = "info"  # nobody is told; it stands on the board and silences its consequences


@dataclass(frozen=True, slots=True)
class Fires:
    """At `at` (for instance "10m") the alert fires once per entry, each with these labels of the series."""

    at: str
    labels: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Silent:
    """At `at` the alert does not fire."""

    at: str


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One promtool case, written by hand from recorded scrapes of real servers.

    `series` maps a series in exposition spelling to promtool's value notation: "0+10x20", "1 1 _ 1". One value every
    `interval`.
    """

    title: str
    series: Mapping[str, str]
    expect: tuple[Fires | Silent, ...]
    interval: str = "15s"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alerting rule.

    `hold` is the `for` of the rule, for instance "5m". `summary` is one line for a phone; both texts may use
    {{ $labels.x }} and {{ $value }}. `panel` shows the condition; its threshold is drawn there.
    `covers` names what it guards in words, for the catalogue of alerts.
    """

    name: str
    condition: Condition[Any]
    hold: str
    severity: Severity
    summary: str
    description: str
    panel: Panel
    tests: tuple[RuleTest, ...] = ()
    team: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    inhibits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a rule that a person on call could not act on."""
        fires = any(isinstance(expect, Fires) for test in self.tests for expect in test.expect)
        silent = any(isinstance(expect, Silent) for test in self.tests for expect in test.expect)
        checks = [
            (bool(_NAME.match(self.name)), "the name is in CamelCase"),
            (bool(self.summary) and "\n" not in self.summary, "the summary is one line"),
            (bool(self.description), "the description says what it means and what to do first"),
            (fires and silent, "tests need one case that fires and one that stays silent"),
        ]
        mistakes = [message for good, message in checks if not good]
        if mistakes:
            raise DeclarationError(f"alert {self.name!r}: " + "; ".join(mistakes))
