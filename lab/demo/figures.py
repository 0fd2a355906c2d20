"""Numbers as a person reads them, by Grafana's name of their unit. Owns the wording alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_DECIMAL = ("", " K", " M", " G", " T")


def figure(value: float, unit: str) -> str:
    """The value with its unit, about three digits: `1.5 MiB/s`, `12 s`, `99.9 %`."""
    if math.isnan(value):
        return "no data"
    if unit.startswith("currency"):
        return f"{value:,.2f} {unit.removeprefix('currency')}"
    return _WORDING.get(unit, _plain)(value)


def duration(seconds: float) -> str:
    """A time in one unit, or two from a minute on."""
    size = abs(seconds)
    if size < 1:
        return f"{_short(seconds * 1000)} ms" if size else "0 s"
    if size < 60:
        return f"{_short(seconds)} s"
    for length, name, small, small_name in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if size >= length:
            rest = int(size % length // small)
            return f"{int(seconds / length)} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{seconds:g} s"


def _scaled(value: float, base: int, names: tuple[str, ...]) -> str:
    index = 0
    while abs(value) >= base and index < len(names) - 1:
        value /= base
        index += 1
    return f"{_short(value)} {names[index].strip()}".strip()


def _short(value: float) -> str:
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:,.{min(digits, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(value: float) -> str:
    return _scaled(value, 1000, _DECIMAL)


def _moment(value: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(value))


_WORDING: dict[str, Callable[[float], str]] = {
    "percentunit": lambda value: f"{_short(value * 100)} %",
    "percent": lambda value: f"{_short(value)} %",
    "bytes": lambda value: _scaled(value, 1024, _BINARY),
    "Bps": lambda value: _scaled(value, 1024, _BINARY) + "/s",
    "s": duration,
    "cps": lambda value: _plain(value) + "/s",
    "dateTimeAsIso": _moment,
}
