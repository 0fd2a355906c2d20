"""Metrics as typed objects, and the rules for naming them. Nothing else in the program spells a metric's name.

Owns: `Metric`, `Label`, `Kind`, `Origin`, `Missing`, the common labels. Owns no values: samples live in `collect`.
"""

from stackledger.catalogue.labels import (
    Cluster,
    Common,
    Environment,
    Instance,
    Job,
    Label,
    Le,
    Matcher,
    Quantile,
    Region,
)
from stackledger.catalogue.metric import HOLD, Kind, Metric, Missing, Origin, drop_after, metrics_of

__all__ = [
    "HOLD",
    "Cluster",
    "Common",
    "Environment",
    "Instance",
    "Job",
    "Kind",
    "Label",
    "Le",
    "Matcher",
    "Metric",
    "Missing",
    "Origin",
    "Quantile",
    "Region",
    "drop_after",
    "metrics_of",
]
