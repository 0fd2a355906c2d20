"""Which topics and groups a target leaves out. Pure; verdicts are remembered, since names come back every sweep."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MAX_REMEMBERED = 50_000


class _Names:
    def __init__(self, excluded: Sequence[str]) -> None:
        self._pattern = re.compile("|".join(f"(?:{pattern})" for pattern in excluded)) if excluded else None
        self._verdicts: dict[str, bool] = {}

    def __call__(self, name: str) -> bool:
        if self._pattern is None:
            return True
        verdict = self._verdicts.get(name)
        if verdict is None:
            if len(self._verdicts) >= _MAX_REMEMBERED:
                self._verdicts.clear()
            verdict = self._verdicts[name] = self._pattern.fullmatch(name) is None
        return verdict


class Filters:
    """`topic(name)` and `group(name)` tell whether it is shown."""

    def __init__(self, topics: Sequence[str] = (), groups: Sequence[str] = ()) -> None:
        self.topic = _Names(topics)
        self.group = _Names(groups)
