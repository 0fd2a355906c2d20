"""Sums of rows by quarter of an hour and context, exact beyond 64 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.engines.base import Corrected
from stackledger.ledger.rows import QUARTER_US, Ints, Rows

_HALF = 32
_LOW = (1 << _HALF) - 1


def quarter_sums(rows: Rows) -> list[tuple[int, ...]]:
    """For each quarter and context: quarter, context, events, unpriced, cost and the buckets in their order."""
    if not len(rows):
        return []
    quarter = rows.ts // QUARTER_US
    order = np.lexsort((rows.context, quarter))
    quarter, context = quarter[order], rows.context[order]
    starts = np.flatnonzero(np.r_[True, (quarter[1:] != quarter[:-1]) | (context[1:] != context[:-1])])
    events = np.diff(np.r_[starts, len(rows)])
    unpriced = np.add.reduceat((~rows.priced[order]).astype(np.int64), starts)
    cost = _wide_sums(np.where(rows.priced, rows.cost, 0)[order], starts)
    # No count is above 2^40, so that eight million of them, more than any commit has, fit 64 bits.
    buckets = np.add.reduceat(rows.usage[order], starts, axis=0)
    left = np.column_stack([quarter[starts], context[starts], events, unpriced]).tolist()
    return [(*head, total, *tail) for head, total, tail in zip(left, cost, buckets.tolist(), strict=True)]


def corrected_sums(corrections: Sequence[Corrected]) -> list[tuple[int, ...]]:
    """The same of corrections: no events, and what they change of the cost and of the calls without a price."""
    sums: dict[tuple[int, int], list[int]] = {}
    for one in corrections:
        line = sums.setdefault((one.ts // QUARTER_US, one.context), [0, 0])
        line[0] += (one.cost is None) - (one.cost_before is None)
        line[1] += (one.cost or 0) - (one.cost_before or 0)
    nothing = (0,) * len(BUCKETS)
    return [(*key, 0, unpriced, cost, *nothing) for key, (unpriced, cost) in sorted(sums.items())]


def _wide_sums(values: Ints, starts: Ints) -> list[int]:
    """Sums of 64-bit values as integers without a limit: each half is summed where it cannot overflow."""
    high = np.add.reduceat(values >> _HALF, starts).tolist()
    low = np.add.reduceat(values & _LOW, starts).tolist()
    return [(one << _HALF) + other for one, other in zip(high, low, strict=True)]
