"""One file of YAML to nodes that know their line. Whatever the text holds, the answer is nodes or mistakes.

Refused beside what is not YAML: nesting and sizes that no configuration has, aliases that hold themselves, tags. A
message never repeats a value: it may be a password that somebody put in the wrong place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stackledger.errors import Mistake

_DEEPEST = 50
"""Levels of nesting. Ours needs about ten; libyaml's composer ends the process some way above 10,000."""

_LARGEST = 500_000
"""Values in one file with all aliases written out: many times the largest fleet, and read in seconds."""

_STANDARD = "tag:yaml.org,2002:"
_MARKS = frozenset(_STANDARD + name for name in ("merge", "value"))  # `<<` and `=`
_BOTTOMS = _MARKS | {_STANDARD + name for name in ("str", "int", "float", "bool", "null", "timestamp")}
_KINDS = {_STANDARD + "timestamp": "date or time", _STANDARD + "int": "number", _STANDARD + "float": "number"}


@dataclass(slots=True)
class Node:
    """A YAML value with its place. `value` is a dict or list of nodes, or a plain value."""

    value: Any
    file: str
    line: int

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def parse(path: Path, mistakes: list[Mistake]) -> Node | None:
    """The file's root, or None when there is none. What is wrong is added to `mistakes`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        mistakes.append(Mistake("", f"cannot be read: {reason}; check the path and its rights", str(path)))
        return None
    except ValueError:  # bytes that are not UTF-8, or a path that holds NUL
        mistakes.append(Mistake("", "is not UTF-8 text", str(path)))
        return None
    try:
        too_deep = _first_too_deep(text)
        tree = yaml.compose(text, Loader=yaml.CSafeLoader) if too_deep is None else None
    except yaml.YAMLError as error:
        mistakes.append(_yaml_mistake(path, text, error))
        return None
    if too_deep is not None:
        mistakes.append(Mistake("", f"nested more than {_DEEPEST} levels deep", str(path), too_deep))
        return None
    if tree is None:
        mistakes.append(Mistake("", "the file is empty; `stackledger check --help` shows an example", str(path), 1))
        return None
    return _annotated(tree, path, mistakes)


def _first_too_deep(text: str) -> int | None:
    """The first line that is nested too deep. Events come from a parser that does not recurse, unlike the composer."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                return 1 if event.start_mark is None else event.start_mark.line + 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


def _yaml_mistake(path: Path, text: str, error: yaml.YAMLError) -> Mistake:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Mistake("", f"not YAML: {error.reason}", str(path), line)
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "cannot be read as YAML"
    return Mistake("", f"not YAML: {problem}", str(path), mark.line + 1 if mark is not None else None)


def _annotated(tree: yaml.Node, path: Path, mistakes: list[Mistake]) -> Node | None:
    try:
        return _Reading(str(path), mistakes).node(tree, "")
    except _TooLargeError:
        mistakes.append(Mistake("", f"more than {_LARGEST} values, aliases written out", str(path), 1))
        return None


class _TooLargeError(Exception):
    """More values than a configuration has."""


class _Reading:
    """From composed nodes to ours, for one file."""

    def __init__(self, file: str, mistakes: list[Mistake]) -> None:
        self._file = file
        self._mistakes = mistakes
        self._scalars = yaml.constructor.SafeConstructor()
        self._open: set[int] = set()  # the collections that are being read, from the root down
        self._values = 0

    def node(self, tree: yaml.Node, path: str) -> Node:
        """The node with all below it."""
        self._values += 1
        if self._values > _LARGEST:
            raise _TooLargeError
        line = tree.start_mark.line + 1
        if isinstance(tree, yaml.ScalarNode):
            return Node(self._scalar(tree, path), self._file, line)
        if id(tree) in self._open:
            self._mistake(path, "an alias cannot stand inside what it repeats", line)
            return Node(None, self._file, line)
        self._open.add(id(tree))
        value = self._mapping(tree, path) if isinstance(tree, yaml.MappingNode) else self._sequence(tree, path)
        self._open.remove(id(tree))
        return Node(value, self._file, line)

    def _mistake(self, path: str, message: str, line: int) -> None:
        self._mistakes.append(Mistake(path, message, self._file, line))

    def _sequence(self, tree: yaml.Node, path: str) -> list[Node]:
        self._has_tag_of(frozenset({_STANDARD + "seq"}), tree, path)
        return [self.node(item, f"{path}[{index}]") for index, item in enumerate(tree.value)]

    def _mapping(self, tree: yaml.MappingNode, path: str) -> dict[str, Node]:
        self._has_tag_of(frozenset({_STANDARD + "map"}), tree, path)
        found: dict[str, Node] = {}
        for key_node, value_node in tree.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._mistake(path, "a key is a word, not a list or a mapping", line)
                continue
            key = str(key_node.value)
            where = f"{path}.{key}" if path else key
            node = self.node(value_node, where)
            node.line = line  # the key's line is where people look
            if key in found:
                self._mistake(where, f"given twice; the first is on line {found[key].line}", line)
            else:
                found[key] = node
        return found

    def _scalar(self, tree: yaml.ScalarNode, path: str) -> Any:
        if not self._has_tag_of(_BOTTOMS, tree, path):
            return None
        if tree.tag in _MARKS:
            return tree.value
        try:
            return self._scalars.construct_object(tree)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError):
            kind = _KINDS.get(tree.tag, "value")
            self._mistake(path, f"is no valid {kind}; put text in quotes", tree.start_mark.line + 1)
            return None

    def _has_tag_of(self, known: frozenset[str], tree: yaml.Node, path: str) -> bool:
        if tree.tag in known:
            return True
        self._mistake(path, "tags (`!...`) are not used here; put text in quotes", tree.start_mark.line + 1)
        return False
