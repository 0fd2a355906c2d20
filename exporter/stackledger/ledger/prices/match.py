"""Rules by which a name is recognised: text comparisons joined by any and all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, Literal

import msgspec

Op = Literal["equals", "starts", "ends", "contains", "regex", "any", "all"]

_COMPARE: Final[dict[Op, Callable[[str, str], bool]]] = {
    "equals": lambda text, name: name == text,
    "starts": lambda text, name: name.startswith(text),
    "ends": lambda text, name: name.endswith(text),
    "contains": lambda text, name: text in name,
    "regex": lambda text, name: re.search(text, name) is not None,
}


class Match(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One rule. `text` is lower-case but in a regular expression; `of` holds the rules that any and all join."""

    op: Op
    text: str = ""
    of: tuple[Match, ...] = ()

    def hits(self, name: str) -> bool:
        """Whether the rule recognises the name, which must be lower-case."""
        if self.op == "any":
            return any(rule.hits(name) for rule in self.of)
        if self.op == "all":
            return all(rule.hits(name) for rule in self.of)
        return _COMPARE[self.op](self.text, name)

    def exact(self) -> Iterator[str]:
        """Names that the rule recognises for sure: those it is equal to, alone or in an any."""
        if self.op == "equals":
            yield self.text
        elif self.op == "any":
            for rule in self.of:
                yield from rule.exact()

    def inexact(self) -> tuple[Match, ...]:
        """The rest of the rule, without the names of `exact`."""
        if self.op == "any":
            return tuple(part for rule in self.of for part in rule.inexact())
        return () if self.op == "equals" else (self,)
