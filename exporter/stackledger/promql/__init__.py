"""PromQL built from metric objects: an expression knows which metrics it uses and the unit of its result.

Owns: building, units, uses, and the check of hand-written PromQL. Owns no thresholds and no windows of alerts.
"""

from stackledger.promql.condition import Condition, above, at_least, at_most, below, equals, unequal
from stackledger.promql.expression import RATE_INTERVAL, Use, Vector
from stackledger.promql.select import absent, bucket, count_of, quantile, scalar_of, select, sum_of, time

__all__ = [
    "RATE_INTERVAL",
    "Condition",
    "Use",
    "Vector",
    "above",
    "absent",
    "at_least",
    "at_most",
    "below",
    "bucket",
    "count_of",
    "equals",
    "quantile",
    "scalar_of",
    "select",
    "sum_of",
    "time",
    "unequal",
]
