"""A user's part of each bill: the same calls that the comparison counts for the provider, those of the user alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from stackledger.errors import QuestionError
from stackledger.ledger.bills.asking import Share, SharesRequest
from stackledger.ledger.charges.names import sender
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.periods import zone_named
from stackledger.ledger.question import Question
from stackledger.ledger.reconcile.estimates import UTC_ZONE
from stackledger.ledger.report import ask
from stackledger.ledger.views import Tally, added, summed


def shares(engine: Engine, kept: Sequence[str], request: SharesRequest) -> list[Share]:
    """By provider and account, on the days that the comparison has for each; `kept` are the user's names in the ledger.

    Raises QuestionError for what cannot be asked.
    """
    if not kept:
        return []
    by = ("provider", *([request.account] if request.account else []))
    found: dict[tuple[str, str], list[Tally]] = defaultdict(list)
    try:
        of_provider = {sender(provider): zone_named(zone) for provider, zone in request.zones.items()}
        for zone in {UTC_ZONE, *of_provider.values()}:
            answer = ask(engine, Question(by, request.first, request.last, zone, {"user": tuple(kept)}))
            for line in answer.lines:
                provider, *account = line.keys
                if of_provider.get(sender(provider), UTC_ZONE) == zone:
                    found[sender(provider), "".join(account)].append(summed(answer, [line]))
    except ValueError as error:
        raise QuestionError(str(error)) from None
    return [Share(*place, added(found[place])) for place in sorted(found)]
