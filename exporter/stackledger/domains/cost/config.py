"""The section `costs`: where usage comes in, where it is kept, in whose time zone money is counted."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from stackledger import money
from stackledger.clients.settings import NAME, Address, Secret, Settings, TeamName, Tls
from stackledger.domains.cost.loaded import CurrencyRates, PerUser
from stackledger.integrations.kafka.config import Sasl
from stackledger.ledger.attributes import ATTRIBUTES
from stackledger.ledger.budgets.budget import Budget, Cadence
from stackledger.ledger.event import REMEMBERED_DAYS
from stackledger.ledger.periods import zone_named
from stackledger.ledger.prices.config import Amount, Prices
from stackledger.ledger.pulls.config import PullSettings


def _checked_zone(name: str) -> str:
    zone_named(name)
    return name


Zone = Annotated[str, AfterValidator(_checked_zone)]
"""An IANA time zone."""


class PostgresLedger(Settings):
    """A ledger in PostgreSQL instead of a file, for several readers or more than one disk."""

    conninfo: str
    """libpq's connection string, without a password: "host=ledger.example.com dbname=ledger user=stackledger"."""
    password: Secret | None = None
    """The password. Default: libpq's own ways."""
    schema_name: str = Field(default="stackledger", pattern=r"^[a-z_][a-z0-9_]{0,62}$")
    """The schema that holds the ledger's tables."""

    @model_validator(mode="after")
    def _no_password(self) -> Self:
        if "password" in self.conninfo.lower() or "://" in self.conninfo:
            raise ValueError("`conninfo` is `key=value` pairs without a password: give that as `password`")
        return self


class Inbox(Settings):
    """What is accepted and not yet, or only just, in the ledger."""

    keep_hours: float = Field(default=24.0, ge=0, le=24 * 30)
    """How long a batch stays after it was applied, so that a ledger restored from a backup catches up by itself."""
    most_waiting: int = Field(default=20_000_000, ge=1)
    """Events that may wait to be applied. Above it senders are told 429 with Retry-After."""
    body_mib: int = Field(default=64, ge=1, le=1024)
    """The largest body that is read, decompressed, in MiB."""


class KafkaInbox(Settings):
    """A topic whose messages are bodies of POST /api/v1/usage, JSON or NDJSON, beside what comes over HTTP.

    Where it was read to is stored with the calls in one transaction, so each message counts once.
    """

    bootstrap: tuple[Address, ...] = Field(min_length=1)
    """Some of the brokers, host:port; the others are found through them."""
    topic: str = Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")
    """The topic. It must exist; new partitions are found within a minute."""
    group: str = Field(default="stackledger-ledger", min_length=1, max_length=200)
    """The group to which positions are committed, for monitors of lag. Nobody joins it, and nothing is read from it."""
    sasl: Sasl | None = None
    """How to log in. Default: no authentication."""
    tls: Tls | None = None
    """How to speak TLS. Default: plain text."""

    @model_validator(mode="after")
    def _names_of_brokers(self) -> Self:
        if self.tls is not None and self.tls.server_name is not None:
            raise ValueError("the client checks the names that brokers advertise: drop `tls.server_name`")
        return self


class Users(Settings):
    """What is kept and shown of the users of models."""

    hash_key: Secret | None = None
    """The key with which user ids are hashed. Needed for `hashed` and for `in_metrics`."""
    hashed: bool = False
    """Whether the ledger keeps the hash of a user id instead of the id."""
    in_metrics: int = Field(default=0, ge=0, le=10_000)
    """How many users, those that cost most, have series of their own, by their hash; the others are summed as `other`.
    Default: none."""

    @model_validator(mode="after")
    def _key_where_needed(self) -> Self:
        if self.hash_key is None and (self.hashed or self.in_metrics):
            raise ValueError("users leave the ledger only hashed: set `hash_key`")
        return self


class BudgetSettings(Settings):
    """What may be spent on some calls in each calendar period."""

    name: str = Field(pattern=NAME)
    """The budget's name: a label, and what refusals and alerts call it."""
    usd: Annotated[Amount, Field(gt=0)]
    """The amount for each period, in USD."""
    per: Cadence = Cadence.MONTH
    """The period, in `zone`: day, week (from Monday), month, quarter or year."""
    where: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    """Which calls count: an attribute (team, user, model, tag.NAME ...) and its value, or several. Default: all."""
    hard: bool = False
    """Whether reservations that would exceed it are refused. Default: it only tells."""

    @model_validator(mode="after")
    def _of_attributes(self) -> Self:
        for name in self.where:
            if name not in ATTRIBUTES and not name.startswith("tag."):
                raise ValueError(f"`where` has no attribute {name!r}; there are {', '.join(ATTRIBUTES)} and tag.NAME")
        return self

    def budget(self, zone: str) -> Budget:
        """The same as a plain value."""
        where = {name: (value,) if isinstance(value, str) else value for name, value in self.where.items()}
        return Budget(self.name, money.parse(str(self.usd)), self.per, zone, where, self.hard)


class Bills(Settings):
    """How bills are compared with our estimates."""

    account: str = ""
    """The attribute of a call that names the account, project or workspace it is billed to: tag.NAME, or api_key.
    Default: none, and all accounts of a provider are compared as one."""
    settle_days: dict[str, Annotated[float, Field(ge=0, le=120)]] = Field(default_factory=dict)
    """Days after which a provider's bill is final, by provider, where our defaults do not fit: openai and anthropic 1;
    aws 10, azure 5 and google 5, each from the end of the billing period; others 3."""

    zones: dict[str, Zone] = Field(default_factory=dict)
    """The time zone of a provider's days, by provider, where its bill has other days than UTC's."""
    tolerance_percent: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(1)
    """How much of a bill may be unexplained when a month is closed, in percent of what is billed."""

    @model_validator(mode="after")
    def _of_attributes(self) -> Self:
        choices = [name for name in ATTRIBUTES if name != "user"]
        if self.account and self.account not in choices and not self.account.startswith("tag."):
            raise ValueError(
                f"`account` has no attribute {self.account!r}; there are {', '.join(choices)} and tag.NAME"
            )
        return self


class CostSettings(Settings):
    """The cost of every call to a model: taken in, priced, kept, shown. Needs `data_dir`."""

    owner: TeamName = ""
    """Team that is told when cost or the ledger has trouble. Default: the root's owner."""
    listen: Address = "127.0.0.1:9878"
    """Where usage comes in: /api/v1/usage and /v1/traces, with the tokens of `http` that have the scope ingest.
    Loopback by default, and there no token is needed."""
    otlp_grpc: Address | None = None
    """Where spans come in over OTLP/gRPC, for instance 127.0.0.1:4317, with the tokens and the certificate of `http`.
    On loopback no token is needed. Default: nowhere; /v1/traces takes OTLP over HTTP."""
    zone: Zone = "UTC"
    """The time zone of days, months and budgets."""
    postgres: PostgresLedger | None = None
    """Keep the ledger in PostgreSQL. Default: a file in `data_dir`."""
    keep_days: int = Field(default=800, ge=REMEMBERED_DAYS)
    """How long single calls are kept. Of older ones the sums stay, by every attribute but the user; reports by user
    then say that they do not reach so far back. At least 400, as long as late events are taken."""
    inbox: Inbox = Field(default_factory=Inbox)
    """What waits to be applied."""
    kafka: KafkaInbox | None = None
    """A topic in Kafka as one more inbox. Default: none."""
    users: Users = Field(default_factory=Users)
    """What is kept and shown of users."""
    prices: Prices = Field(default_factory=Prices)
    """How list prices become ours."""
    bills: Bills = Field(default_factory=Bills)
    """How bills are compared with our estimates."""
    rates: CurrencyRates | None = None
    """What other currencies are worth. Default: nothing is known of them."""
    per_user: PerUser | None = None
    """The fully loaded cost per active user. Default: nobody defined it, and it is UNKNOWN."""
    pulls: tuple[PullSettings, ...] = ()
    """Where bills and costs of clusters are fetched from by themselves. Default: nowhere."""
    budgets: tuple[BudgetSettings, ...] = ()
    """What may be spent."""
    values_in_metrics: int = Field(default=50, ge=1, le=1000)
    """How many teams, models and features, those that cost most, have series of their own; the others are `other`."""

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Self:
        for field, names in (
            ("budgets", [one.name for one in self.budgets]),
            ("pulls", [one.name for one in self.pulls]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{field} need names of their own; given twice: {', '.join(twice)}")
        return self
