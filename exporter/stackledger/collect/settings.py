"""The section of the configuration that every integration has: how often, how long, how many at once, which targets."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import Field, model_validator

from stackledger.clients.settings import LocalPath, Settings, TargetSettings, TeamName

T = TypeVar("T", bound=TargetSettings)


class _Found(Settings):
    """Base of what finds targets. Told apart by all that it says, so that a reload keeps one that is the same."""

    target: dict[str, Any] = Field(default_factory=dict)
    """Settings of each target found, beside its addresses."""

    def __hash__(self) -> int:
        return hash(self.model_dump_json())


class FileDiscovery(_Found):
    """Targets from files in the format of Prometheus' file_sd: a list of {targets: [...], labels: {...}}.

    One group is one target; its name is the label `cluster`, else the file's name and the group's place in it.
    Groups of the same `cluster` are one target with the addresses of all.
    """

    kind: Literal["file"]
    """Always `file`."""
    files: tuple[LocalPath, ...] = Field(min_length=1)
    """Paths or globs of JSON or YAML files."""
    refresh_seconds: float = Field(default=30.0, ge=1)
    """How often the files are looked at. 30: what people who edit them expect to wait."""

    @model_validator(mode="after")
    def _names_from_files(self) -> Self:
        if "name" in self.target:
            raise ValueError("`target` cannot give all targets of a file one name; set the label `cluster` in the file")
        return self


class DnsDiscovery(_Found):
    """One target whose nodes are what a DNS name resolves to."""

    kind: Literal["dns"]
    """Always `dns`."""
    name: str
    """Name to look up; also the target's name unless `target` gives one."""
    type: Literal["A", "AAAA", "SRV"] = "A"
    """Record type. SRV brings its own ports."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port of each address; needed for A and AAAA."""
    nameserver: str | None = None
    """`host:port` of the server to ask. Default: the system's."""
    refresh_seconds: float = Field(default=30.0, ge=1)
    """How often the name is looked up."""

    @model_validator(mode="after")
    def _port_known(self) -> Self:
        if self.type != "SRV" and self.port is None:
            raise ValueError(f"a {self.type} record has no port: set `port`")
        return self


Discovery = Annotated[FileDiscovery | DnsDiscovery, Field(discriminator="kind")]


class Section(Settings, Generic[T]):
    """One integration: its targets and how they are read."""

    owner: TeamName = ""
    """Team that is told when one of its targets has trouble. Default: the root's owner."""
    interval_seconds: float | None = Field(default=None, ge=1, le=3600)
    """How often each target is read. Default: the integration's, usually 15, as people scrape."""
    timeout_seconds: float | None = Field(default=None, gt=0)
    """Longest that one read may take. Default: 10, or two thirds of a shorter interval."""
    slow_interval_seconds: float | None = Field(default=None, ge=1, le=86400)
    """How often heavy reads are made, where the integration has any. Default: 300."""
    concurrency: int = Field(default=16, ge=1, le=1000)
    """How many targets are read at the same moment."""
    job: str | None = None
    """Label `job` of the community families, as your existing boards select it. Default: the integration's."""
    targets: tuple[T, ...] = ()
    """Targets by name."""
    discover: tuple[Discovery, ...] = ()
    """Where further targets are found."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [target.name for target in self.targets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"targets need names of their own; given twice: {', '.join(twice)}")
        interval, timeout = self.interval_seconds, self.timeout_seconds
        if interval is not None and timeout is not None and timeout > interval:
            raise ValueError(f"timeout_seconds {timeout:g} is above interval_seconds {interval:g}")
        return self

    def timeout_for(self, interval_seconds: float) -> float:
        """The bound of one read in a lane with this interval; never above it."""
        if self.timeout_seconds is not None:
            return min(self.timeout_seconds, interval_seconds)
        return min(10.0, interval_seconds * 2 / 3)
