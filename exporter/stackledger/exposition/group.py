"""A group of families: the unit that is rendered, compressed and cached together.

The text is a skeleton (everything but the numbers) with numbers in between, put together some thousand lines at a time:
touching only values is what makes a scrape cheap (benchmarks/exposition.py).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import orjson

from stackledger.catalogue import Metric
from stackledger.errors import DeclarationError
from stackledger.exposition.formats import Format, Lines, header, lines_of, shares_rests
from stackledger.exposition.gzip_stream import Piece, compress

Key = tuple[str, ...]

_LINES_AT_ONCE = 4_096


class Block:
    """One family's samples of one part of one target."""

    __slots__ = ("common", "keys", "lines", "start", "values")

    def __init__(self, common: str, keys: list[Key], values: list[float], lines: Lines) -> None:
        self.start = 0
        self.common = common
        self.keys = keys
        self.values = values
        self.lines = lines


class Group:
    """Some families with all their blocks, and the bytes they were last rendered to."""

    def __init__(self, metrics: Sequence[Metric[Any]]) -> None:
        self.version = 0
        self._families: dict[Metric[Any], dict[Hashable, Block]] = {metric: {} for metric in metrics}
        self._skeletons: dict[Format, tuple[list[bytes], list[bytes]]] = {}
        self._bodies: dict[Format, tuple[int, bytes]] = {}
        self._pieces: dict[Format, tuple[int, Piece]] = {}
        self._flat: list[float] | None = None
        """All values in skeleton order; None once blocks came, went or changed their keys."""

    def prepared(
        self,
        metric: Metric[Any],
        owner: Hashable,
        *,
        common: str,
        keys: Sequence[Key],
        values: Sequence[float],
        alike: dict[tuple[str, ...], Block],
    ) -> Block:
        """A block for `commit`, with lists of its own. Raises DeclarationError for what could not be rendered.

        `alike` holds the owner's latest block by label names: families often have the same series, and share them.
        """
        old = self._families[metric].get(owner)
        same = old is not None and old.common == common and old.keys == keys
        if old is not None and same and old.values == values:
            block = old
        else:
            own = _numbers(metric, values)
            if len(keys) != len(own):
                raise DeclarationError(f"{metric.name}: {len(keys)} label tuples but {len(own)} values")
            if old is not None and same:
                block = Block(common, old.keys, own, old.lines)
            else:
                block = _new_block(metric, common, list(keys), own, alike.get(metric.label_names))
        if shares_rests(metric):
            alike[metric.label_names] = block
        return block

    def commit(self, metric: Metric[Any], owner: Hashable, block: Block) -> None:
        """Show a block that was prepared since the last commit for its owner."""
        blocks = self._families[metric]
        old = blocks.get(owner)
        if old is block:
            return
        if old is None or old.lines is not block.lines:
            blocks[owner] = block
            self._reshaped()
        elif old.values != block.values:
            old.values = block.values
            self.version += 1
            if self._flat is not None:
                self._flat[old.start : old.start + len(block.values)] = block.values

    def drop(self, metric: Metric[Any], owner: Hashable) -> None:
        """Forget the family's samples of one part."""
        if self._families[metric].pop(owner, None) is not None:
            self._reshaped()

    def body(self, fmt: Format) -> bytes:
        """The group's text. Rendered again only if something in it changed."""
        cached = self._bodies.get(fmt)
        if cached is None or cached[0] != self.version:
            cached = self._bodies[fmt] = (self.version, b"".join(self._stretches(fmt)))
        return cached[1]

    def piece(self, fmt: Format) -> Piece:
        """The group's text, compressed."""
        cached = self._pieces.get(fmt)
        if cached is None or cached[0] != self.version:
            body = self._bodies.get(fmt)
            # A text that nobody reads plain is never whole in memory: its stretches pass through the CPU's cache.
            fresh = [body[1]] if body is not None and body[0] == self.version else self._stretches(fmt)
            cached = self._pieces[fmt] = (self.version, compress(fresh))
        return cached[1]

    @property
    def series(self) -> int:
        """How many lines of samples the group has."""
        if self._flat is not None:
            return len(self._flat)
        return sum(len(block.keys) for _, block in self._blocks())

    def family(self, metric: Metric[Any]) -> Iterator[Block]:
        """The family's blocks, for readers other than the page."""
        return iter(self._families[metric].values())

    def _reshaped(self) -> None:
        self.version += 1
        self._flat = None
        self._skeletons.clear()

    def _blocks(self) -> Iterator[tuple[Metric[Any], Block]]:
        for metric, blocks in self._families.items():
            for block in blocks.values():
                if block.keys:
                    yield metric, block

    def _stretches(self, fmt: Format) -> Iterator[bytes]:
        """The text in stretches of some thousand lines."""
        skeleton = self._skeletons.get(fmt)
        if skeleton is None:
            skeleton = self._skeletons[fmt] = self._skeleton(fmt)
        if self._flat is None:
            self._flat = self._flattened()
        starts, rests = skeleton
        for first in range(0, len(rests), _LINES_AT_ONCE):
            lines = rests[first : first + _LINES_AT_ONCE]
            text = [b""] * (3 * len(lines))
            text[::3] = starts[first : first + _LINES_AT_ONCE]
            text[1::3] = lines
            text[2::3] = format_numbers(self._flat[first : first + _LINES_AT_ONCE])
            yield b"".join(text)
        if rests:
            yield b"\n"

    def _skeleton(self, fmt: Format) -> tuple[list[bytes], list[bytes]]:
        """What precedes each number in two pieces, headers and the newline before it included."""
        starts: list[bytes] = []
        rests: list[bytes] = []
        last: Metric[Any] | None = None
        for metric, block in self._blocks():
            first, lines = len(starts), block.lines
            starts += [lines.start] * len(lines.rests)
            rests += lines.rests
            if metric is not last:
                text = header(metric, fmt) + lines.start[1:]
                starts[first] = b"\n" + text if first else text
                last = metric
        return starts, rests

    def _flattened(self) -> list[float]:
        """All values in skeleton order; notes where each block's begin."""
        flat: list[float] = []
        for _, block in self._blocks():
            block.start = len(flat)
            flat += block.values
        return flat


def _new_block(metric: Metric[Any], common: str, keys: list[Key], values: list[float], alike: Block | None) -> Block:
    rests = None
    if alike is not None and shares_rests(metric) and alike.keys == keys:
        keys, rests = alike.keys, alike.lines.rests
    try:
        return Block(common, keys, values, lines_of(metric, common, keys, rests))
    except (ValueError, TypeError, AttributeError) as error:
        raise DeclarationError(f"{metric.name}: a label tuple does not fit its labels: {error}") from error


def _numbers(metric: Metric[Any], values: Sequence[float]) -> list[float]:
    """A list of our own that holds nothing but numbers: one wrong value would spoil the page for every target."""
    kinds = set(map(type, values))
    if kinds <= {float, int}:
        return list(values)
    if kinds & {str, bytes}:
        raise DeclarationError(f"{metric.name}: a value is text, not a number")
    try:
        return [as_float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise DeclarationError(f"{metric.name}: a value is not a number: {error}") from error


def as_float(value: float) -> float:
    """The nearest float; an infinity for an integer beyond all floats."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def format_numbers(values: list[float]) -> list[bytes]:
    """Each number as text that reads back exactly; NaN and infinities as the formats spell them."""
    try:
        text = orjson.dumps(values)
    except TypeError:  # an integer beyond 64 bits
        text = orjson.dumps(values := [as_float(value) for value in values])
    numbers = text[1:-1].split(b",")
    if b"null" in text:
        for index, number in enumerate(numbers):
            if number == b"null":
                numbers[index] = _SPELLING[str(values[index])]
    return numbers


_SPELLING = {"nan": b"NaN", "inf": b"+Inf", "-inf": b"-Inf"}
