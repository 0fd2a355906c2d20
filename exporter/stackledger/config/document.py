"""The merged tree: includes are read, mappings merged, lists joined, and what is given twice is refused."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stackledger.config.parse import Node, parse
from stackledger.errors import ConfigError, Mistake

Loc = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """The merged tree and the mistakes that reading it brought up."""

    root: Node
    mistakes: list[Mistake] = field(default_factory=list)

    def get(self, *loc: str | int) -> Node | None:
        """What stands at exactly this location, if anything does."""
        node: Node | None = self.root
        for step in loc:
            node = None if node is None else _step(node, step)
        return node

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
    root = parse(path, mistakes)
    if root is None or not isinstance(root.value, dict):
        line = None if root is None else root.line
        raise ConfigError(mistakes or [Mistake("", "a mapping of sections is expected", str(path), line)])
    include = root.value.pop("include", None)
    for other in _included(path, include, mistakes) if include is not None else ():
        part = parse(other, mistakes)
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
