"""The section `costs.pulls`: where bills are fetched from by themselves."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from stackledger.clients.settings import NAME, LocalPath, Secret, Settings, WebAddress


class Vendor(StrEnum):
    """Who is asked."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OPENCOST = "opencost"
    FOCUS = "focus"


_ONLY: Final[Mapping[str, tuple[Vendor, ...]]] = {
    "key": (Vendor.OPENAI, Vendor.ANTHROPIC, Vendor.OPENCOST),
    "url": (Vendor.OPENAI, Vendor.ANTHROPIC, Vendor.OPENCOST),
    "accounts": (Vendor.OPENAI, Vendor.ANTHROPIC),
    "team_label": (Vendor.OPENCOST,),
    "shared_namespaces": (Vendor.OPENCOST,),
    "currency": (Vendor.OPENCOST,),
    "files": (Vendor.FOCUS,),
    "first_days": (Vendor.OPENAI, Vendor.ANTHROPIC, Vendor.OPENCOST),
}
_NEEDED: Final[Mapping[Vendor, str]] = {
    Vendor.OPENAI: "key",
    Vendor.ANTHROPIC: "key",
    Vendor.OPENCOST: "url",
    Vendor.FOCUS: "files",
}


def _is_private(url: str) -> bool:
    """Whether what is sent there is read by nobody on the way."""
    parts = urlsplit(url)
    try:
        return parts.scheme == "https" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


class PullSettings(Settings):
    """One place from which bills, or a cluster's costs, are fetched by themselves."""

    name: str = Field(pattern=NAME)
    """The name of this source: a label, and what `costs pull --source` takes."""
    vendor: Vendor
    """Who is asked: openai and anthropic (their organization's costs and usage), opencost (allocations of clusters), or
    focus (files in FOCUS, as AWS, Azure and Google export them)."""
    key: Secret | None = None
    """An administrator's key, read at each request, so it can be rotated. Needed for openai and anthropic; for
    opencost it is a bearer token, where a proxy wants one."""
    url: WebAddress | None = None
    """Where the API is. Default: the vendor's; needed for opencost, as http://opencost:9003."""
    accounts: tuple[str, ...] = ()
    """Ids of the projects (openai) or workspaces (anthropic, `default` is the one without an id) whose costs are taken.
    Default: all."""
    team_label: str = Field(default="", pattern=r"^[A-Za-z0-9_./-]{0,253}$")
    """The label of pods that names a team. Default: costs by namespace alone."""
    shared_namespaces: tuple[str, ...] = ()
    """Namespaces that serve all others, as kube-system: their cost is kept apart, as shared."""
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    """The currency that OpenCost is set up for."""
    files: LocalPath | None = None
    """A pattern of files, as /exports/aws/**/*.parquet: .csv, .csv.gz or .parquet. It should match each billing period
    once, in as many parts as there are; of exports that keep old versions, name the newest."""
    interval_hours: float = Field(default=24.0, gt=0, le=24 * 31)
    """How often it is asked. Default: once a day, an hour after midnight UTC."""
    first_days: int = Field(default=92, ge=1, le=1100)
    """How many days the first pull goes back; of openai and anthropic, to the beginning of that month. OpenCost has as
    many days as its Prometheus keeps."""

    @model_validator(mode="after")
    def _of_the_vendor(self) -> Self:
        for field, vendors in _ONLY.items():
            if field in self.model_fields_set and self.vendor not in vendors:
                raise ValueError(f"`{field}` is for {', '.join(vendors)}: {self.vendor} has none")
        if getattr(self, needed := _NEEDED[self.vendor]) is None:
            raise ValueError(f"{self.vendor} needs `{needed}`")
        if self.key is not None and self.url is not None and not _is_private(self.url):
            raise ValueError("a key is shown at `url`: use https, but on this machine")
        return self

    @property
    def source(self) -> str:
        """The source of its lines in the ledger."""
        return f"{self.vendor}/{self.name}"

    @property
    def interval(self) -> timedelta:
        """How often it is asked."""
        return timedelta(hours=self.interval_hours)
