"""HTML that cannot be forgotten to be escaped: elements are made by `el`, and text that is no `Markup` is escaped."""

from __future__ import annotations

import html
from typing import Final, TypeAlias


class Markup(str):
    """HTML that `el` made."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | list[Markup] | None"
_EMPTY: Final = frozenset({"meta", "link", "input", "line", "rect", "br"})


def el(tag: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element. `class_` is the attribute class, `x_y` is x-y; None and False leave an attribute out."""
    told = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if tag in _EMPTY:
        return Markup(f"<{tag}{told}/>")
    return Markup(f"<{tag}{told}>{join(*children)}</{tag}>")


def join(*children: Child) -> Markup:
    """Children one after another, plain text escaped."""
    return Markup("".join(_text(child) for child in children))


def _text(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, list):
        return join(*child)
    return child if isinstance(child, Markup) else html.escape(child)


def _attribute(key: str, value: str | float | bool) -> str:  # noqa: FBT001 - attributes are by name
    name = key.rstrip("_").replace("_", "-")
    if value is False:
        return ""
    if value is True:
        return f" {name}"
    told = f"{value:g}" if isinstance(value, float) else html.escape(str(value))
    return f' {name}="{told}"'
