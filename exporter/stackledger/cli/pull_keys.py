"""Keys of sources of bills that cannot be read here and now: what `doctor` and `check` tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackledger.config import Configuration


def unreadable_keys(configuration: Configuration) -> Iterator[str]:
    """A sentence for each, with its place and the remedy."""
    from stackledger.domains.cost import COST
    from stackledger.errors import AuthError

    settings = configuration.of_domain(COST)
    for index, one in enumerate(settings.pulls if settings is not None else ()):
        if one.key is None:
            continue
        try:
            one.key.read()
        except AuthError as error:
            file, line, path = configuration.place("costs", "pulls", index)
            remedy = "until then no bill is pulled: write it, with the right to read it for the service's user"
            yield f"{file}:{line}: {path} ({one.name}): {error}; {remedy}"
