"""An id that comes back: the same call again, or in conflict with the first.

It is the same call where model and counts are the same: a retry, or a gateway and a library that both report it, at
times and with attributes of their own. The first that came stays as it is. Other counts, or another model, are a
conflict, which is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackledger.ledger.engines.base import Refused
from stackledger.ledger.event import Reason, Refusal
from stackledger.ledger.rows import Flags, Ints, Model, Rows

_MIX: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads small numbers over all bits


@dataclass(frozen=True, slots=True)
class Twins:
    """`first` marks the first row of each key; later ones are duplicates of it, or in conflict with it."""

    first: Flags
    duplicates: Sequence[int]
    conflicts: Sequence[int]


def key_hashes(of_ids: NDArray[np.uint64], sources: Ints) -> NDArray[np.uint64]:
    """Hashes of keys of one day, from those of their ids and the numbers of their sources."""
    mixed: NDArray[np.uint64] = of_ids ^ (sources.astype(np.uint64) * _MIX)
    return mixed


def split_twins(rows: Rows, hashes: NDArray[np.uint64]) -> Twins:
    """Find rows of one key among the rows themselves. `hashes` are equal for equal keys of a day."""
    first = np.ones(len(rows), np.bool_)
    _, places, counts = np.unique(hashes, return_index=True, return_counts=True)
    if len(places) == len(rows):
        return Twins(first, (), ())
    lonely = np.zeros(len(rows), np.bool_)
    lonely[places[counts == 1]] = True
    seen: dict[tuple[int, int, str], int] = {}
    duplicates: list[int] = []
    conflicts: list[int] = []
    days = rows.day
    for place in np.flatnonzero(~lonely).tolist():
        key = (int(rows.source[place]), int(days[place]), rows.ids[place])
        earlier = seen.setdefault(key, place)
        if earlier == place:
            continue
        first[place] = False
        (duplicates if _same(rows, earlier, place) else conflicts).append(place)
    return Twins(first, duplicates, conflicts)


def _same(rows: Rows, one: int, other: int) -> bool:
    same_counts = bool((rows.usage[one] == rows.usage[other]).all())
    return same_counts and same_model(rows, int(rows.context[one]), int(rows.context[other]), {})


def same_model(rows: Rows, one: int, other: int, stored: Mapping[int, Model]) -> bool:
    """Whether two contexts are of one model. `stored` has those of contexts that the rows do not have."""
    if one == other:
        return True
    models = [rows.models.get(number, stored.get(number)) for number in (one, other)]
    return models[0] is not None and models[0] == models[1]


def untold(refused: Sequence[Refused], progress: int) -> list[Refused]:
    """Those that no earlier commit has stored: what is tried again brings its refusals again."""
    return [one for one in refused if one.batch > progress]


def conflict(rows: Rows, place: int) -> Refused:
    """What is told about the row at this place."""
    detail = "this id is known on this day with another model or other counts; the first stays: ids are for one call"
    refusal = Refusal(Reason.CONFLICT, detail, rows.ids[place], rows.source_names.get(int(rows.source[place]), ""))
    batch = int(rows.batch[place])
    return Refused(batch, rows.received_us.get(batch, 0), refusal)
