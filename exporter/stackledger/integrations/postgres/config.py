"""How one PostgreSQL cluster is reached and how much of it is shown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from stackledger.clients.settings import Address, Secret, TargetSettings, Tls


def _distinct(nodes: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({node for node in nodes if nodes.count(node) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is listed twice")
    return nodes


class PostgresTarget(TargetSettings):
    """One cluster: a primary and its standbys, whichever node has which role now."""

    nodes: Annotated[tuple[Address, ...], Field(min_length=1, max_length=64), AfterValidator(_distinct)]
    """Address (host:port) of every node, of PostgreSQL itself: not of a pooler, a proxy or a floating address."""
    user: str = "monitor"
    """Role to log in as; it needs pg_monitor and no more (grants/monitor.sql). The default is what that file makes."""
    password: Secret | None = None
    """Its password. Default: none, for servers that trust us or take our certificate."""
    dbname: str = "postgres"
    """Database to connect to; tables and their sizes are read there. Default: the one that every cluster has."""
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    """libpq's sslmode. Default: TLS where the server offers it; choose verify-full on a network you do not trust."""
    tls: Tls | None = None
    """Certificates for TLS. `verify` is ignored: sslmode decides it."""
    tables_top: int = Field(default=25, ge=1, le=500)
    """Most tables shown by name, the largest ones; the rest is summed as `other`. 25 are about 750 series a node."""
    statements_top: int = Field(default=50, ge=1, le=500)
    """Most statements shown, those with the most time spent. The default is about 250 series a node."""
