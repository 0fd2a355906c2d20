"""Events as columns: what an engine stores, many at once.

Owns the shapes. All arrays have one length; `usage` has a column for each of `BUCKETS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

DAY_US: Final = 86_400_000_000
QUARTER_US: Final = 900_000_000
"""A quarter of an hour: since 1972 every zone's offset is a whole number of them, so days in any zone are sums."""


Model: TypeAlias = tuple[str, str]
"""A provider and a model."""


@dataclass(slots=True)
class Rows:
    """Calls, priced or not.

    `ts` is microseconds since 1970-01-01 UTC; `context`, `person` and `rate` are numbers of their tables; `cost` is
    pico-USD where `priced`, else 0; `batch` is the number in the inbox.
    """

    ids: Sequence[str]
    ts: Ints
    context: Ints
    person: Ints
    source: Ints
    rate: Ints
    cost: Ints
    priced: Flags
    batch: Ints
    usage: Ints
    source_names: Mapping[int, str] = field(default_factory=dict)
    models: Mapping[int, Model] = field(default_factory=dict)
    """Provider and model of each context."""
    received_us: Mapping[int, int] = field(default_factory=dict)
    """When each batch was received, by its number."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def day(self) -> Ints:
        """Days since 1970-01-01 UTC."""
        return self.ts // DAY_US

    def take(self, chosen: Ints | Flags) -> Rows:
        """The chosen rows."""
        places = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen
        return Rows(
            [self.ids[place] for place in places.tolist()],
            self.ts[places],
            self.context[places],
            self.person[places],
            self.source[places],
            self.rate[places],
            self.cost[places],
            self.priced[places],
            self.batch[places],
            self.usage[places],
            self.source_names,
            self.models,
            self.received_us,
        )
