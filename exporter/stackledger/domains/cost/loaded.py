"""The sections `costs.rates` and `costs.per_user`: rates of currencies, and what the cost per active user is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from stackledger import money
from stackledger.clients.settings import LocalPath, Secret, Settings
from stackledger.errors import AuthError, UnreachableError
from stackledger.ledger.charges.charge import Category
from stackledger.ledger.per_user.definition import Definition, Key, Llm, Source
from stackledger.ledger.prices.config import Amount
from stackledger.ledger.rates import LONGEST_AGE_DAYS, Rates, read_rates

if TYPE_CHECKING:
    from stackledger.domains.cost.config import CostSettings
    from stackledger.ledger.per_user.declared import AskPrometheus, Declared


class CurrencyRates(Settings):
    """What other currencies are worth in USD, by day."""

    file: LocalPath
    """A table in CSV with the columns day,from,to,rate: from that day on one unit of `from` is worth `rate` units of
    `to`. One of the two is USD. It is read again when it has changed."""
    longest_age_days: int = Field(default=LONGEST_AGE_DAYS, ge=0, le=366)
    """How many days after its own a rate still holds; beyond it, the worth of an amount is unknown."""


class ActiveUsers(Settings):
    """Who counts as an active user. Without it nothing is divided: users who made a call are chosen as `ledger`."""

    source: Source
    """`ledger`: users who made a call to a model, and nobody else. `imported`: `costs import --format users`, with the
    columns month,users. `prometheus`: an expression, evaluated at the end of the month."""
    query: str = Field(default="", max_length=2000)
    """The expression, where the source is `prometheus`: of one series, whole, asked of prometheus.url at the last
    instant of the month. $month in it is the month's length: max_over_time(app_monthly_active_users[$month])."""
    token: Secret | None = None
    """Bearer token that Prometheus, or the proxy before it, wants to see. Default: none."""

    @model_validator(mode="after")
    def _query_where_asked(self) -> Self:
        if (self.source is Source.PROMETHEUS) != bool(self.query.strip()):
            raise ValueError("`query` is given where the source is `prometheus`, and only there")
        if self.token is not None and self.source is not Source.PROMETHEUS:
            raise ValueError("`token` is for the source `prometheus`")
        return self


class PerUser(Settings):
    """The fully loaded cost of a calendar month for each active user. A month of which any part is missing is UNKNOWN.

    Attributed is what calls cost that name their user; everything else is allocated.
    """

    users: ActiveUsers
    """Who counts as an active user."""
    llm: Llm = Llm.ESTIMATE
    """Calls to models: `estimate` by our prices, or `billed` by the vendors' bills, divided as the estimates are."""
    infrastructure: bool = True
    """Whether charges of kind infrastructure count."""
    engineering: bool = False
    """Whether charges of kind engineering count: wages and contractors, `costs import --format bill --kind
    engineering`."""
    sources: tuple[str, ...] = ()
    """Whose charges count and must be there for a month to be known, by source (provider/account) or provider: name
    them where two tell of the same cost, as a cloud's bill and an allocation of it do. Default: all count, and whoever
    charged for the month before must be there."""
    leave_out: tuple[Category, ...] = ()
    """Categories of charges that count nowhere, for instance tax."""
    spread: Key = Key.EQUAL
    """How what is allocated is spread over users: equal, by their `calls`, or by their `llm_cost`."""
    target_usd: Annotated[Amount, Field(gt=0)] | None = None
    """The most that an active user should cost in a month, in USD. Default: none, and nobody is told."""

    def definition(self, zone: str) -> Definition:
        """The same as a plain value."""
        return Definition(
            zone=zone,
            llm=self.llm,
            infrastructure=self.infrastructure,
            engineering=self.engineering,
            sources=self.sources,
            leave_out=self.leave_out,
            users=self.users.source,
            query=self.users.query.strip(),
            key=self.spread,
            target=None if self.target_usd is None else money.parse(str(self.target_usd)),
        )


class RateSource:
    """The table of rates, read again when its file has changed."""

    def __init__(self, settings: CurrencyRates | None) -> None:
        self._settings = settings
        self._known: tuple[tuple[int, int, int] | None, Rates] = (None, Rates())
        """One value, as several threads ask: rates never stand beside the stamp of others."""

    def __call__(self) -> Rates:
        """The rates. Raises QuestionError where the file cannot be read."""
        known, rates = self._known
        if self._settings is None:
            return rates
        seen = _stamp(self._settings.file)
        if seen is None or seen != known:
            rates = Rates(read_rates(self._settings.file), self._settings.longest_age_days)
            self._known = seen, rates
        return rates


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def declared_of(settings: CostSettings, prometheus_url: str) -> Declared:
    """What a ledger's answers need of the section."""
    from stackledger.ledger.per_user.declared import Declared  # noqa: PLC0415 - the engines' common parts
    from stackledger.ledger.reconcile.answers import Terms  # noqa: PLC0415 - likewise

    bills, loaded = settings.bills, settings.per_user
    return Declared(
        definition=None if loaded is None else loaded.definition(settings.zone),
        terms=Terms(bills.account, bills.settle_days, bills.zones),
        rates=RateSource(settings.rates),
        prometheus=None if loaded is None or not prometheus_url else _asking(loaded.users, prometheus_url),
    )


def _asking(users: ActiveUsers, url: str) -> AskPrometheus:
    """Asks Prometheus; the client is imported and the token is read when it is asked."""

    def ask(query: str, at_s: float) -> float:
        from stackledger.ledger.per_user.prometheus import Prometheus  # noqa: PLC0415 - a client of HTTP

        try:
            token = "" if users.token is None else users.token.read()
        except AuthError as error:
            raise UnreachableError(str(error)) from error
        return Prometheus(url, token).value(query, at_s)

    return ask
