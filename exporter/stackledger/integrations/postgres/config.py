"""How one PostgreSQL cluster is reached and how much of it is shown."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from stackledger.clients.settings import Address, Secret, TargetSettings, Tls

SslMode = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]


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
    sslmode: SslMode | None = None
    """libpq's sslmode. Default: prefer, TLS where the server offers it, unchecked; with `tls`, verify-full, or require
    where `tls.verify` is off."""
    tls: Tls | None = None
    """Speak TLS or not at all, and check the server's certificate and name; set it on a network you do not trust."""
    tables_top: int = Field(default=25, ge=1, le=500)
    """Most tables shown by name, the largest ones; the rest is summed as `other`. 25 are about 750 series a node."""
    statements_top: int = Field(default=50, ge=1, le=500)
    """Most statements shown, those with the most time spent. The default is about 250 series a node."""

    @property
    def effective_sslmode(self) -> SslMode:
        """The sslmode that is in force."""
        if self.sslmode is not None:
            return self.sslmode
        if self.tls is None:
            return "prefer"
        return "verify-full" if self.tls.verify else "require"

    @model_validator(mode="after")
    def _tls_means_what_it_says(self) -> Self:
        """Refuse what would check less than `tls` promises."""
        tls, mode = self.tls, self.effective_sslmode
        if tls is None:
            return self
        if mode in ("disable", "prefer"):
            raise ValueError(f"`tls` is set, but sslmode {mode} may speak plain text: leave sslmode out (verify-full)")
        if tls.verify and mode == "require":
            raise ValueError("sslmode require checks no certificate: leave it out, or say `verify: false` in `tls`")
        if not tls.verify and mode != "require":
            raise ValueError(f"sslmode {mode} checks the certificate, but `tls` says `verify: false`: drop one of them")
        if tls.server_name is not None and mode != "verify-full":
            raise ValueError("`tls.server_name` is compared by sslmode verify-full only: leave out one of them")
        if mode == "verify-ca" and tls.ca_file is None:
            raise ValueError("sslmode verify-ca needs `tls.ca_file`: any public authority would do otherwise")
        return self
