"""The comparison: present, conditional or missing, use by use. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stackledger.verify.uses import Needed

LabelSet = Mapping[str, str]
Existing = Mapping[str, Sequence[LabelSet]]
"""Label sets by sample name."""


class Verdict(StrEnum):
    """What became of a use."""

    PRESENT = "present"
    CONDITIONAL = "conditional"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One use with its verdict and, where it is not present, why."""

    needed: Needed
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """All findings. Conditional uses are reported but never counted as covered."""

    findings: tuple[Finding, ...]

    def of(self, verdict: Verdict) -> tuple[Finding, ...]:
        """The findings with this verdict."""
        return tuple(finding for finding in self.findings if finding.verdict is verdict)

    @property
    def ratio(self) -> float:
        """Present uses among those that must be present, 0 to 1."""
        present, missing = len(self.of(Verdict.PRESENT)), len(self.of(Verdict.MISSING))
        return present / (present + missing) if present + missing else 1.0


def compare(needs: Iterable[Needed], exposed: Existing, recorded: Existing | None) -> Coverage:
    """The verdict on each use. `recorded` is None when Prometheus was not asked: such uses are then conditional."""
    return Coverage(tuple(_finding(need, exposed, recorded) for need in needs))


def _finding(need: Needed, exposed: Existing, recorded: Existing | None) -> Finding:
    existing = recorded if need.recorded else exposed
    if existing is None:
        return Finding(need, Verdict.CONDITIONAL, "made by a rule: give --prometheus to look for it")
    label_sets = existing.get(need.use.sample, ())
    if lacking := _labels_lacking(need, label_sets):
        return Finding(need, Verdict.MISSING, f"the series lack the label {', '.join(lacking)}")
    reason = _why_missing(need, label_sets)
    if not reason:
        return Finding(need, Verdict.PRESENT)
    if need.use.metric.conditional:
        return Finding(need, Verdict.CONDITIONAL, f"exists after {need.use.metric.conditional}")
    return Finding(need, Verdict.MISSING, reason)


def _labels_lacking(need: Needed, label_sets: Sequence[LabelSet]) -> list[str]:
    """Labels that the selector speaks of and no series has: wrong even for what exists only after an event."""
    return sorted(name for name in need.labels if label_sets and not any(name in labels for labels in label_sets))


def _why_missing(need: Needed, label_sets: Sequence[LabelSet]) -> str:
    """Empty when some series meets the selector's literal values."""
    if not label_sets:
        return "no such series"
    exact = need.exact
    if exact and not any(all(labels.get(name) == value for name, value in exact.items()) for labels in label_sets):
        wanted = ", ".join(f"{name}={value!r}" for name, value in exact.items())
        return f"no series has {wanted}"
    return ""
