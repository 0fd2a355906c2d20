"""The one list of what this program monitors: a line for each integration and each domain.

To add a system, make its folder under `integrations/` and add its line here.
"""

from __future__ import annotations

from typing import Any

from stackledger.catalogue import Metric
from stackledger.collect.integration import Domain, Integration
from stackledger.domains.cost import COST
from stackledger.domains.overview import OVERVIEW
from stackledger.domains.self import SELF
from stackledger.integrations.kafka import KAFKA
from stackledger.integrations.postgres import POSTGRES
from stackledger.integrations.redis import REDIS

INTEGRATIONS: tuple[Integration[Any, Any], ...] = (
    REDIS,
    POSTGRES,
    KAFKA,
)

DOMAINS: tuple[Domain, ...] = (
    SELF,
    OVERVIEW,
    COST,
)

SOURCES: tuple[Integration[Any, Any], ...] = (
    *INTEGRATIONS,
    *(domain.kept.reader for domain in DOMAINS if domain.kept is not None),
)
"""Everything that is read: what is monitored, and what domains keep of their own."""


def by_name() -> dict[str, Integration[Any, Any]]:
    """Everything that is read, by its name: an integration's key in the configuration, or a domain's."""
    return {source.name: source for source in SOURCES}


def metrics() -> tuple[Metric[Any], ...]:
    """Every metric that can be on the page, in page order: the service's own, then each source's."""
    own = tuple(metric for domain in DOMAINS for metric in domain.metrics)
    return own + tuple(metric for source in SOURCES for metric in source.metrics)
