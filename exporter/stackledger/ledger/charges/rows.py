"""What both formats share: the identity of a line, and the order of a delivery."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

from stackledger.ledger.charges.charge import WIDE_FIELDS, Charge

_DIGITS = 32


def identified(charges: Iterable[Charge]) -> list[Charge]:
    """The lines with their ids: a hash of what they say, and their place among lines that say the same.

    The file's name is no part of it: a bill is restated in a file of another name.
    """
    seen: Counter[str] = Counter()
    found = []
    for one in charges:
        told = json.dumps([*one._replace(file="", row_id="")], ensure_ascii=False, separators=(",", ":"))
        digest = hashlib.sha256(told.encode()).hexdigest()[:_DIGITS]
        seen[digest] += 1
        found.append(one._replace(row_id=f"{digest}-{seen[digest]}"))
    return found


Packed = list[str | int | bool | None]
"""A charge as JSON carries it: integers beyond 64 bits as digits."""


def packed(charge: Charge) -> Packed:
    """For the socket."""
    return [
        str(value) if name in WIDE_FIELDS and value is not None else value
        for name, value in zip(Charge._fields, charge, strict=True)
    ]


def unpacked(values: Packed) -> Charge:
    """From the socket. Raises ValueError for what is none."""
    return Charge(
        *(
            int(str(value)) if name in WIDE_FIELDS and value is not None else value
            for name, value in zip(Charge._fields, values, strict=True)
        )  # type: ignore[arg-type]  # the sender is this program, and the store checks types again
    )
