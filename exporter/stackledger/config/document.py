"""YAML with places: every value knows its file and line; includes are merged; what is given twice is refused."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stackledger.errors import ConfigError, Mistake

Loc = tuple[str | int, ...]


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


@dataclass(slots=True)
class Document:
    """The merged tree and the mistakes that reading it brought up."""

    root: Node
    mistakes: list[Mistake] = field(default_factory=list)

    def place(self, loc: Loc) -> tuple[str, int, str]:
        """File, line and dotted path of a location, or of what is nearest to it in the document."""
        node, path = self.root, ""
        for step in loc:
            below = _step(node, step)
            if below is None:
                continue  # the name of a choice (`file`, `dns`) or a key that is missing
            node = below
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
        return node.file, node.line, path


def _step(node: Node, step: str | int) -> Node | None:
    value = node.value
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
        below: Node = value[step]
        return below
    return None


def read(path: Path) -> Document:
    """The file with all that it includes. Raises ConfigError when the main file itself cannot be read."""
    mistakes: list[Mistake] = []
    root = _read_one(path, mistakes)
    if root is None or not isinstance(root.value, dict):
        line = None if root is None else root.line
        raise ConfigError(mistakes or [Mistake("", "a mapping of sections is expected", str(path), line)])
    include = root.value.pop("include", None)
    for other in _included(path, include, mistakes) if include is not None else ():
        part = _read_one(other, mistakes)
        if part is None:
            continue
        if not isinstance(part.value, dict):
            mistakes.append(Mistake("", "a mapping of sections is expected", part.file, part.line))
        elif "include" in part.value:
            nested = part.value["include"]
            mistakes.append(Mistake("include", "only the main file may include others", nested.file, nested.line))
        else:
            _merge(root, part, "", mistakes)
    return Document(root, mistakes)


def _included(path: Path, include: Node, mistakes: list[Mistake]) -> Iterator[Path]:
    patterns = include.plain() if isinstance(include.value, list) else [include.plain()]
    for pattern in patterns:
        found = sorted(glob.glob(str(path.parent / str(pattern)), recursive=True))  # noqa: PTH207
        if not found:
            mistakes.append(Mistake("include", f"{pattern!r} matches no file", include.file, include.line))
        yield from map(Path, found)


def _read_one(path: Path, mistakes: list[Mistake]) -> Node | None:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        mistakes.append(Mistake("", f"cannot be read: {reason}; check the path and its rights", str(path)))
        return None
    except UnicodeDecodeError:
        mistakes.append(Mistake("", "is not UTF-8 text", str(path)))
        return None
    try:
        tree = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mistakes.append(_yaml_mistake(path, error))
        return None
    if tree is None:
        mistakes.append(Mistake("", "the file is empty; `stackledger check --help` shows an example", str(path), 1))
        return None
    return _annotate(tree, str(path), "", mistakes)


def _yaml_mistake(path: Path, error: yaml.YAMLError) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "cannot be read as YAML"
    return Mistake("", f"not YAML: {problem}", str(path), mark.line + 1 if mark is not None else None)


def _annotate(tree: yaml.Node, file: str, path: str, mistakes: list[Mistake]) -> Node:
    line = tree.start_mark.line + 1
    if isinstance(tree, yaml.MappingNode):
        return Node(_mapping(tree, file, path, mistakes), file, line)
    if isinstance(tree, yaml.SequenceNode):
        items = [_annotate(item, file, f"{path}[{i}]", mistakes) for i, item in enumerate(tree.value)]
        return Node(items, file, line)
    return Node(_SCALARS.construct_object(tree), file, line)


def _mapping(tree: yaml.MappingNode, file: str, path: str, mistakes: list[Mistake]) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key_node, value_node in tree.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        where = f"{path}.{key}" if path else key
        node = _annotate(value_node, file, where, mistakes)
        node.line = line  # the key's line is where people look
        if key in found:
            mistakes.append(Mistake(where, f"given twice; the first is on line {found[key].line}", file, line))
        else:
            found[key] = node
    return found


def _merge(into: Node, part: Node, path: str, mistakes: list[Mistake]) -> None:
    """Mappings merge, lists join, anything else given twice is refused with both places."""
    for key, node in part.value.items():
        where = f"{path}.{key}" if path else key
        mine = into.value.get(key)
        if mine is None:
            into.value[key] = node
        elif isinstance(mine.value, dict) and isinstance(node.value, dict):
            _merge(mine, node, where, mistakes)
        elif isinstance(mine.value, list) and isinstance(node.value, list):
            mine.value.extend(node.value)
        else:
            first = f"{mine.file}:{mine.line}"
            mistakes.append(Mistake(where, f"given twice; the first is at {first}", node.file, node.line))


_SCALARS = yaml.SafeLoader("")
