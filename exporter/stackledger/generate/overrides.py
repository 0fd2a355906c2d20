"""Applies a user's overrides to alerts before anything is rendered, so rules, panels, tests and runbooks all follow.

An override with label matchers splits a rule into pieces that share its name: one for the series that match, one or
more for the rest. Each series is watched by exactly one piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from stackledger.catalogue import Matcher
from stackledger.catalogue.labels import COMMON
from stackledger.config.outputs import checked_duration
from stackledger.errors import ConfigError, Mistake
from stackledger.generate.inputs import LabelMatch, Override
from stackledger.model import AlertRule
from stackledger.promql import Condition, Use, Vector

_OPPOSITE = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A rule as it will be rendered. `changed` names what the user changed; `declared` is the rule before that."""

    rule: AlertRule
    declared: AlertRule
    matchers: tuple[LabelMatch, ...] = ()
    changed: frozenset[str] = frozenset()


def apply(
    alerts: Iterable[AlertRule], overrides: tuple[Override, ...], today: date
) -> tuple[tuple[Piece, ...], list[Mistake]]:
    """The rules after all overrides, in order (a later one wins), and every mistake in the overrides."""
    pieces = [Piece(rule, rule) for rule in alerts]
    mistakes: list[Mistake] = []
    for override in overrides:
        found = list(_mistakes(override, pieces, today))
        if found:
            mistakes += [Mistake(override.path, text, override.file, override.line) for text in found]
        else:
            pieces = [result for piece in pieces for result in _overridden(piece, override)]
    return tuple(pieces), mistakes


def applied(alerts: Iterable[AlertRule], overrides: tuple[Override, ...], today: date) -> tuple[Piece, ...]:
    """The rules after all overrides. Raises ConfigError that lists every mistake."""
    pieces, mistakes = apply(alerts, overrides, today)
    if mistakes:
        raise ConfigError(mistakes)
    return pieces


def _mistakes(override: Override, pieces: list[Piece], today: date) -> Iterable[str]:
    named = [piece for piece in pieces if piece.declared.name == override.name]
    if not named:
        yield _unknown(override.name, {piece.declared.name for piece in pieces})
        return
    if override.has_expired(today):
        yield f"{override.name}: expired on {override.expires}: remove it or renew it"
    if not override.enabled and not override.reason:
        yield f"{override.name}: say in `reason` why it is switched off"
    if override.hold is not None:
        yield from _hold_mistakes(override.name, override.hold)
    if override.threshold is not None and len({piece.rule.condition.threshold for piece in named}) > 1:
        yield f"{override.name}: its tiers have thresholds of their own; change the objective of the SLO instead"
    for match in override.matchers:
        yield from _match_mistakes(override, match, named)


def _hold_mistakes(name: str, hold: str) -> Iterable[str]:
    try:
        checked_duration(hold)
    except ValueError as error:
        yield f"{name}: `for: {hold}`: {error}"


def _unknown(name: str, known: set[str]) -> str:
    import difflib  # noqa: PLC0415 - needed only for a user's mistake

    close = difflib.get_close_matches(name, sorted(known), n=1)
    hint = f"; did you mean {close[0]}?" if close else "; `stackledger explain` lists the alerts"
    return f"there is no alert {name}{hint}"


def _match_mistakes(override: Override, match: LabelMatch, named: list[Piece]) -> Iterable[str]:
    if match.op not in _OPPOSITE:
        yield f"{override.name}: {match.op!r} is not an operator for labels; use =, !=, =~ or !~"
        return
    if match.op in ("=~", "!~"):
        try:
            re.compile(match.value)
        except re.error as error:
            yield f"{override.name}: {match.label}{match.op}{match.value!r} is not a regular expression: {error}"
    labels = {label for piece in named for label in piece.rule.condition.vector.labels}
    if match.label not in labels:
        yield f"{override.name}: its series have no label {match.label!r}; they have {', '.join(sorted(labels))}"


def _overridden(piece: Piece, override: Override) -> Iterable[Piece]:
    if piece.declared.name != override.name:
        yield piece
        return
    taken: tuple[LabelMatch, ...] = ()
    for match in override.matchers:
        rest = _narrowed(piece, (*taken, replace(match, op=_OPPOSITE[match.op])))
        taken = (*taken, match)
        if rest is not None:
            yield rest
    matching = _narrowed(piece, taken)
    if matching is not None and override.enabled:
        yield _changed(matching, override)


def _changed(piece: Piece, override: Override) -> Piece:
    rule, changed = piece.rule, set(piece.changed)
    if override.threshold is not None and override.threshold != rule.condition.threshold:
        rule = replace(rule, condition=rule.condition.with_threshold(override.threshold))
        changed.add("threshold")
    if override.hold is not None and override.hold != rule.hold:
        rule = replace(rule, hold=override.hold)
        changed.add("for")
    if override.severity is not None:
        rule = replace(rule, severity=override.severity)
    if override.team is not None:
        rule = replace(rule, team=override.team)
    return replace(piece, rule=rule, changed=frozenset(changed))


def _narrowed(piece: Piece, matches: tuple[LabelMatch, ...]) -> Piece | None:
    """The rule for the series that match too; None if none can."""
    matchers = (*piece.matchers, *(match for match in matches if match not in piece.matchers))
    if _contradictory(matchers):
        return None
    rule = replace(piece.rule, condition=_condition(piece.rule.condition, matches)) if matches else piece.rule
    return replace(piece, rule=rule, matchers=matchers)


def _contradictory(matchers: tuple[LabelMatch, ...]) -> bool:
    return any(replace(match, op=_OPPOSITE.get(match.op, "")) in matchers for match in matchers)


def _condition(condition: Condition[Any], matches: tuple[LabelMatch, ...]) -> Condition[Any]:
    """Guards stay as they are: they are joined to the value by its labels."""
    return replace(condition, value=_vector(condition.value, matches))


def _vector(vector: Vector[Any], matches: tuple[LabelMatch, ...]) -> Vector[Any]:
    text, uses = vector.text, []
    for use in dict.fromkeys(vector.uses):
        narrowed = _use(use, matches)
        # A bare name must not be found inside a longer one, nor before the conditions of another selector.
        pattern = r'(?<![\w:"])' + re.escape(str(use)) + r"(?![\w:{])"
        text = re.sub(pattern, lambda _, to=narrowed: str(to), text)  # type: ignore[misc]
        uses.append(narrowed)
    return replace(vector, text=text, uses=tuple(uses), selector=uses[0] if vector.selector is not None else None)


def _use(use: Use, matches: tuple[LabelMatch, ...]) -> Use:
    labels = {label.name: label for label in (*use.metric.labels, *COMMON)}
    own = [Matcher(labels[match.label], match.op, match.value) for match in matches if match.label in labels]
    return replace(use, matchers=(*use.matchers, *(matcher for matcher in own if matcher not in use.matchers)))


def meets(match: LabelMatch, value: str) -> bool:
    """Whether a label's value meets the condition, as PromQL reads it."""
    if match.op in ("=", "!="):
        return (value == match.value) == (match.op == "=")
    return bool(re.fullmatch(match.value, value)) == (match.op == "=~")
