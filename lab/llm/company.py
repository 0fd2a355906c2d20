"""The demo's company: people, teams, applications, and what these ask."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """One user of the applications."""

    user: str
    team: str


PEOPLE = (
    Person("alice", "search"),
    Person("bob", "search"),
    Person("carol", "support"),
    Person("dora", "support"),
    Person("erik", "research"),
)
ASSISTANT, HELPDESK = "assistant", "helpdesk"
"""The applications."""
PROMPT = "Confidential and never to be stored: the recipe of the house sauce"
"""The text of every prompt."""
UNKNOWN_MODEL = "gpt-6-preview"
"""A model whose price nobody knows yet."""


@dataclass(frozen=True)
class Attribution:
    """Who makes a call, and what for."""

    user: str
    team: str
    feature: str


@dataclass(frozen=True)
class Names:
    """The span attributes in which an application tells it. Libraries differ, so our applications do too."""

    user: str
    team: str
    feature: str
