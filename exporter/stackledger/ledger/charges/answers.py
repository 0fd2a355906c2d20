"""What can be asked of a ledger's charges."""

from __future__ import annotations

import msgspec

from stackledger.errors import QuestionError
from stackledger.ledger.asked import Open
from stackledger.ledger.charges.charge import Charge
from stackledger.ledger.charges.rows import Packed, unpacked
from stackledger.ledger.charges.store import deliver


class DeliverRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Store a delivery of charges. With `add` it is a part, which supersedes nothing."""

    charges: list[Packed]
    add: bool = False


class DeliverReply(msgspec.Struct, frozen=True):
    """What changed; `number` is the delivery's, 0 where nothing did."""

    added: int
    unchanged: int
    superseded: int
    number: int


def deliver_charges(ledger: Open, request: DeliverRequest) -> DeliverReply:
    """Store a delivery. Raises QuestionError for a charge that is none."""
    charges: list[Charge] = []
    for one in request.charges:
        try:
            charges.append(unpacked(one))
        except (TypeError, ValueError) as error:
            raise QuestionError(f"a charge cannot be read: {error}") from None
    done = deliver(ledger.engine, charges, ledger.now_us(), add=request.add)
    return DeliverReply(done.added, done.unchanged, done.superseded, done.number)
