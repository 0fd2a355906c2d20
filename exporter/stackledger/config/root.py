"""The root of the configuration. Sections of integrations are taken from the registry, never named here."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import Field, StringConstraints, create_model, model_validator

from stackledger import registry
from stackledger.clients.settings import Address, LocalPath, Secret, Settings, TeamName, split_address
from stackledger.collect.integration import Domain, Integration
from stackledger.collect.settings import Section
from stackledger.config.document import Document
from stackledger.config.notify import Notify
from stackledger.config.outputs import Alerts, Extra, Links, PrometheusSettings

LabelValue = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{0,128}$")]


class Scope(StrEnum):
    """What a caller may do."""

    READ = "read"
    INGEST = "ingest"
    ADMIN = "admin"
    PEOPLE = "people"


class Token(Settings):
    """A bearer token and what it opens."""

    name: str
    """Who uses it; stands in the log, the token never does."""
    scopes: tuple[Scope, ...] = Field(min_length=1)
    """`read` (metrics, console), `ingest` (usage and events), `admin` (reload), `people` (what each user cost)."""
    token: Secret
    """The token by file or environment."""
    role: str = ""
    """What its holder may decide as, for instance `finance`: needed to approve prices and to sign."""


class ServerTls(Settings):
    """The certificate to serve HTTPS with, and whom to let in by theirs."""

    cert_file: LocalPath
    """Our certificate, PEM, with every intermediate one after it. Read at the start: a new one needs a restart."""
    key_file: LocalPath
    """The certificate's key, PEM, without a passphrase."""
    client_ca_file: LocalPath | None = None
    """Certificates of authorities, PEM: every client must show a certificate that one of them signed, on top of its
    token where the scope needs one. Default: clients need no certificate."""


class Http(Settings):
    """The service's own address."""

    listen: Address = "127.0.0.1:9877"
    """Where to listen. Loopback by default: nothing is open before you decide so."""
    anonymous: tuple[Scope, ...] | None = None
    """Scopes that need no token. Default: `read` and `people` on loopback, none elsewhere."""
    tokens: tuple[Token, ...] = ()
    """Who else may come in."""
    tls: ServerTls | None = None
    """Serve HTTPS. Default: plain HTTP, for loopback or behind a proxy that ends TLS."""

    @property
    def open_scopes(self) -> frozenset[Scope]:
        """The scopes that need no token."""
        if self.anonymous is not None:
            return frozenset(self.anonymous)
        return frozenset({Scope.READ, Scope.PEOPLE} if self.is_loopback else ())

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        host, _ = split_address(self.listen)
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def is_wildcard(self) -> bool:
        """Whether it listens on every address of the machine, so that `listen` names none of them."""
        host, _ = split_address(self.listen)
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return (getattr(address, "ipv4_mapped", None) or address).is_unspecified

    @model_validator(mode="after")
    def _somebody_can_read(self) -> Self:
        if Scope.READ not in self.open_scopes and not any(Scope.READ in token.scopes for token in self.tokens):
            raise ValueError(f"{self.listen} is not loopback: add a token with scope read, or set anonymous: [read]")
        return self


class Root(Settings):
    """One organisation's configuration."""

    version: Literal[1]
    """Version of this file's format."""
    organisation: LabelValue = "my organisation"
    """Name that stands on boards, messages and reports."""
    environment: LabelValue = "production"
    """Label `environment` of every series."""
    region: LabelValue = ""
    """Label `region` of every series; empty leaves it out."""
    owner: Annotated[TeamName, Field(min_length=1)] = "platform"
    """Team that is told when nobody else owns what is in trouble."""
    data_dir: LocalPath | None = None
    """Where state is kept over a restart, and with `costs` the ledger. Without it counters begin at 0 at each start."""
    http: Http = Field(default_factory=Http)
    """The service's own address."""
    prometheus: PrometheusSettings = Field(default_factory=PrometheusSettings)
    """The Prometheus that reads this service."""
    links: Links = Field(default_factory=Links)
    """Where people open boards and runbooks."""
    notify: Notify = Field(default_factory=Notify)
    """Who is told, and how."""
    alerts: Alerts = Field(default_factory=Alerts)
    """Changes to the alerts that come with each integration."""
    extra: Extra = Field(default_factory=Extra)
    """Your own alert rules, held to the same checks."""
    integrations: Any = None
    """What is monitored. The model behind it is made from the registry."""


@functools.cache
def root_model() -> type[Root]:
    """`Root` with a section for every registered integration."""
    fields: dict[str, Any] = {
        one.name: (Section[one.settings] | None, Field(default=None, description=one.title))  # type: ignore[name-defined]
        for one in registry.INTEGRATIONS
    }
    sections = create_model("Integrations", __base__=Settings, __doc__="What is monitored.", **fields)
    at_root: dict[str, Any] = {
        domain.name: (domain.kept.settings | None, Field(default=None, description=domain.title))
        for domain in registry.DOMAINS
        if domain.kept is not None
    }
    at_root["integrations"] = (sections, Field(default_factory=sections, description="What is monitored."))
    return cast("type[Root]", create_model("Root", __base__=Root, __doc__=Root.__doc__, **at_root))


@dataclass(frozen=True, slots=True)
class Configuration:
    """A checked configuration and where it came from."""

    path: Path
    root: Root
    document: Document
    data_dir: Path | None = None
    """Where state is kept, when the command line says so."""

    def place(self, *loc: str | int) -> tuple[str, int, str]:
        """File, line and dotted path of what stands at a location, for later mistakes about it."""
        return self.document.place(loc)

    def sections(self) -> Iterator[tuple[Integration[Any, Any], Section[Any]]]:
        """What is read, each with its section; that of what a domain keeps has one target, the domain's own."""
        for integration in registry.INTEGRATIONS:
            section = getattr(self.root.integrations, integration.name)
            if section is not None:
                yield integration, section
        for domain in registry.DOMAINS:
            settings = self.of_domain(domain)
            if domain.kept is not None and settings is not None and self.root.data_dir is not None:
                target = domain.kept.target(settings, self.root.data_dir)
                yield domain.kept.reader, Section(owner=settings.owner, targets=(target,))

    def of_domain(self, domain: Domain) -> Any:
        """The domain's section at the root; None where it has none or is not configured."""
        return getattr(self.root, domain.name) if domain.kept is not None else None

    def with_data_dir(self, directory: Path) -> Configuration:
        """The same with another place for state."""
        root = self.root.model_copy(update={"data_dir": directory})
        return replace(self, root=root, data_dir=directory)

    @property
    def enabled(self) -> tuple[str, ...]:
        """Names of the integrations that are configured."""
        return tuple(integration.name for integration, _ in self.sections())
