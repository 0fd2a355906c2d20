"""The one list of what this program monitors: a line for each integration and each domain.

To add a system, make its folder under `integrations/` and add its line here.
"""

from __future__ import annotations

from typing import Any

from stackledger.catalogue import Metric
from stackledger.collect.integration import Domain, Integration
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
)


def by_name() -> dict[str, Integration[Any, Any]]:
    """Every integration by its key in the configuration."""
    return {integration.name: integration for integration in INTEGRATIONS}


def metrics() -> tuple[Metric[Any], ...]:
    """Every metric that can be on the page, in page order: the service's own, then each integration's."""
    own = tuple(metric for domain in DOMAINS for metric in domain.metrics)
    return own + tuple(metric for integration in INTEGRATIONS for metric in integration.metrics)
