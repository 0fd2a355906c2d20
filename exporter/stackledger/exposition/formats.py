"""The two text formats: how a family's header and a series' labels are spelt, and which format a client wants.

Sources: Prometheus text format 0.0.4, OpenMetrics 1.0.0, Prometheus content negotiation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from stackledger.catalogue import Kind, Metric


class Format(Enum):
    """A text format; the value is its Content-Type."""

    PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def content_type(self) -> str:
        """The HTTP header."""
        return self.value

    @property
    def ending(self) -> bytes:
        """What closes the page."""
        return b"# EOF\n" if self is Format.OPENMETRICS else b""


def negotiate(accept: str) -> Format:
    """The format that an Accept header prefers; Prometheus text when it names none that we speak."""
    best, quality = Format.PROMETHEUS, 0.0
    for choice in accept.split(","):
        media, *parameters = (part.strip().lower().replace('"', "") for part in choice.split(";"))
        weight = _quality(parameters)
        if weight <= quality:
            continue
        if media == "application/openmetrics-text" and _openmetrics_1(parameters):
            best, quality = Format.OPENMETRICS, weight
        elif media in ("text/plain", "text/*", "*/*"):
            best, quality = Format.PROMETHEUS, weight
    return best


def _openmetrics_1(parameters: Sequence[str]) -> bool:
    """Whether version 1 is asked for; 0.0.1 differs little, but we do not speak it."""
    versions = [p.removeprefix("version=") for p in parameters if p.startswith("version=")]
    return not versions or versions[0].startswith("1.")


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def header(metric: Metric[Any], fmt: Format) -> bytes:
    """HELP and TYPE lines of a family."""
    name, kind = family(metric, fmt)
    doc = metric.doc.replace("\\", "\\\\").replace("\n", "\\n")
    if fmt is Format.OPENMETRICS:
        doc = doc.replace('"', '\\"')
    return f"# HELP {name} {printable(doc)}\n# TYPE {name} {kind}\n".encode()


def family(metric: Metric[Any], fmt: Format) -> tuple[str, str]:
    """The family's name and type in a format.

    A community counter without _total is no OpenMetrics counter: there it is `unknown`, so that its name stays.
    """
    if metric.kind is Kind.INFO:
        return metric.name, "gauge"
    if fmt is Format.OPENMETRICS and metric.kind is Kind.COUNTER:
        stem = metric.name.removesuffix("_total")
        return (stem, "counter") if stem != metric.name else (metric.name, "unknown")
    return metric.name, str(metric.kind)


def printable(value: str) -> str:
    """The value as UTF-8 can carry it: what a reader could not decode stays distinct, as its escape."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def escape(value: str) -> str:
    """A label value between its quotes."""
    value = printable(value)
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value


_DISTRIBUTIONS = (Kind.HISTOGRAM, Kind.SUMMARY)


@dataclass(frozen=True, slots=True)
class Lines:
    """Everything of a block's lines but the values: what all of them begin with, newline included, and each one's rest.

    The name and the common labels are most of a line: kept once, they take half of the memory that whole lines would.
    """

    start: bytes
    rests: list[bytes]


def lines_of(
    metric: Metric[Any], common: str, keys: Sequence[tuple[str, ...]], rests: list[bytes] | None = None
) -> Lines:
    """The lines of a block, without values: name, labels, a blank. `common` is spelt 'a="b",c="d"'.

    `rests`: those of a family that shares them (`shares_rests`), if they are there.
    """
    if metric.kind in _DISTRIBUTIONS:
        return Lines(f"\n{metric.name}".encode(), _distribution_rests(metric, common, keys))
    if not metric.label_names:
        braces = f"{{{common}}}" if common else ""
        if any(keys):
            raise ValueError("it has no labels of its own")
        return Lines(f"\n{metric.name}{braces} ".encode(), [b""] * len(keys))
    start = f"\n{metric.name}{{{common}," if common else f"\n{metric.name}{{"
    return Lines(start.encode(), _rests(metric, keys) if rests is None else rests)


def shares_rests(metric: Metric[Any]) -> bool:
    """Whether the rests of its lines are those of any other family with the same label names and values."""
    return bool(metric.label_names) and metric.kind not in _DISTRIBUTIONS


def _rests(metric: Metric[Any], keys: Sequence[tuple[str, ...]]) -> list[bytes]:
    names = [f'{name}="' for name in metric.label_names]
    return [
        (",".join([f'{name}{escape(value)}"' for name, value in zip(names, key, strict=True)]) + "} ").encode()
        for key in keys
    ]


def _distribution_rests(metric: Metric[Any], common: str, keys: Sequence[tuple[str, ...]]) -> list[bytes]:
    bound_name = "le" if metric.kind is Kind.HISTOGRAM else "quantile"
    rests = []
    for suffix, bound, *values in keys:
        pairs = [common] if common else []
        pairs += [f'{name}="{escape(value)}"' for name, value in zip(metric.label_names, values, strict=True)]
        if bound:
            pairs.append(f'{bound_name}="{bound}"')
        braces = f"{{{','.join(pairs)}}}" if pairs else ""
        rests.append(f"{suffix}{braces} ".encode())
    return rests
