"""The ledger that the configuration means: asked over the socket where a process holds it, else opened here."""

from __future__ import annotations

import argparse
import contextlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackledger.errors import ConfigError, Mistake, QuestionError, UnreachableError

if TYPE_CHECKING:
    from stackledger.config.root import Token
    from stackledger.domains.cost.config import CostSettings


@dataclass(frozen=True, slots=True)
class Place:
    """Where the ledger is and how it is set."""

    settings: CostSettings
    data_dir: Path
    tokens: tuple[Token, ...]
    prometheus_url: str = ""

    def person(self, token_file: str) -> Token:
        """Who the token in a file belongs to. Raises QuestionError for an unknown one, or one without a role."""
        from stackledger.clients.settings import Secret
        from stackledger.errors import AuthError

        shown = Secret(file=Path(token_file)).read()
        for token in self.tokens:
            try:
                secret = token.token.read()
            except AuthError:
                continue  # `doctor` tells about files that cannot be read
            if hmac.compare_digest(secret.encode(), shown.encode()):
                if not token.role:
                    raise QuestionError(f"the token of {token.name} has no role: give it one under http.tokens")
                return token
        raise QuestionError(f"the token in {token_file} is none of http.tokens")


def place_of(arguments: argparse.Namespace) -> Place:
    """From the command line to the ledger's place. Raises ConfigError where the configuration has no ledger."""
    from stackledger.config import load
    from stackledger.domains.cost import COST

    configuration = load(Path(arguments.config))
    if arguments.data_dir:
        configuration = configuration.with_data_dir(Path(arguments.data_dir))
    settings, data_dir = configuration.of_domain(COST), configuration.root.data_dir
    if settings is None or data_dir is None:
        message = "there is no section `costs`: add it (`costs: {}` will do) and data_dir, docs/costs.md tells more"
        raise ConfigError([Mistake("costs", message, str(configuration.path))])
    return Place(settings, data_dir, configuration.root.http.tokens, configuration.root.prometheus.url)


def data_dir_argument(parser: argparse.ArgumentParser) -> None:
    """The option of commands that keep or read state."""
    parser.add_argument("--data-dir", metavar="DIR", help="where state is kept, instead of the configuration's")


def data_dir_held(place: Place) -> bool:
    """Whether a service answers for this ledger."""
    from stackledger.ledger import wire
    from stackledger.ledger.asking import Nothing, StateReply

    try:
        wire.ask(place.data_dir / wire.SOCKET, "state", Nothing(), StateReply)
    except UnreachableError:
        return False
    return True


@contextlib.contextmanager
def ledger(place: Place) -> Iterator[Any]:
    """A function `ask(method, request, reply type)`. Opened here, the ledger first takes in what waits in the inbox."""
    from stackledger.ledger import wire
    from stackledger.ledger.methods import METHODS

    socket = place.data_dir / wire.SOCKET

    def remote(method: str, request: Any, reply: Any, timeout_seconds: float = 60.0) -> Any:
        return wire.ask(socket, method, request, reply, timeout_seconds)

    if data_dir_held(place):
        yield remote
        return
    from stackledger.clock import SystemClock
    from stackledger.domains.cost.opening import OpenLedger

    opening = OpenLedger(place.settings, place.data_dir, SystemClock(), prometheus_url=place.prometheus_url)
    with contextlib.closing(opening) as opened:
        opened.apply_all()
        yield lambda method, request, _reply, _timeout=0.0: METHODS[method].call(opened.service, request)
