"""What goes into the tables by COPY, and arrays as PostgreSQL reads them.

Calls go in the binary format, made from whole arrays: a tenth of the work of writing row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.charges.charge import CHARGE_FIELDS, Charge
from stackledger.ledger.engines.base import Corrected, Refused
from stackledger.ledger.engines.postgres.connection import Connection
from stackledger.ledger.engines.postgres.tables import CALLS
from stackledger.ledger.rows import Ints, Rows

_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_QUARTER: Final = ", ".join(("quarter", "context", "events", "unpriced", "cost", *BUCKETS))


def binary(ids: Sequence[str], columns: Sequence[tuple[int, Ints]]) -> bytes:
    """Integer columns, each with its width in bytes, and the id as the last column."""
    raw = [one.encode() for one in ids]
    fields = [("columns", ">i2")]
    for number, (width, _) in enumerate(columns):
        fields += [(f"length{number}", ">i4"), (f"value{number}", f">i{width}")]
    table = np.empty(len(ids), np.dtype([*fields, ("id_length", ">i4")]))
    table["columns"] = len(columns) + 1
    for number, (width, values) in enumerate(columns):
        table[f"length{number}"] = width
        table[f"value{number}"] = values
    table["id_length"] = [len(one) for one in raw]
    fixed, size = table.tobytes(), table.dtype.itemsize
    parts = [b""] * (2 * len(raw))
    parts[0::2] = [fixed[start : start + size] for start in range(0, len(fixed), size)]
    parts[1::2] = raw
    return b"".join([_HEAD, *parts, _END])


def integers(values: Sequence[int]) -> str:
    """An array of integers as PostgreSQL reads it: dumping a long list value by value takes five times as long."""
    return "{" + ",".join(map(str, values)) + "}"


def texts(values: Sequence[str]) -> str:
    """An array of texts as PostgreSQL reads it."""
    joined = "\0".join(values)
    if '"' in joined or "\\" in joined or joined.count("\0") != len(values) - 1:
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(values) + '"}' if values else "{}"


def copy_calls(connection: Connection, rows: Rows, *, priced: bool) -> None:
    """Calls that all have a cost, or none. An unknown cost, and a bucket that none of the rows used, stay NULL."""
    if not len(rows):
        return
    columns = {
        "source_id": (4, rows.source),
        "day": (4, rows.day),
        "ts": (8, rows.ts),
        "context": (4, rows.context),
        "person": (4, rows.person),
        "rate": (4, rows.rate),
        "batch": (8, rows.batch),
    }
    if priced:
        columns["cost"] = (8, rows.cost)
    used = np.any(rows.usage, axis=0)
    columns |= {name: (8, rows.usage[:, number]) for number, name in enumerate(BUCKETS) if used[number]}
    with connection.cursor().copy(
        f"COPY {CALLS} ({', '.join(columns)}, id) FROM STDIN (FORMAT binary)".encode()
    ) as copy:
        copy.write(binary(rows.ids, list(columns.values())))


def copy_sums(connection: Connection, sums: Sequence[tuple[int, ...]]) -> None:
    """Sums by quarter and context, as `quarter_sums` gives them."""
    if not sums:
        return
    text = "".join(["\t".join(map(str, one)) + "\n" for one in sums])
    with connection.cursor().copy(f"COPY quarter ({_QUARTER}) FROM STDIN".encode()) as copy:
        copy.write(text)


def copy_corrections(connection: Connection, corrections: Sequence[Corrected], head: tuple[int, int, str]) -> None:
    """Corrections, all with the same number, time and cause."""
    if not corrections:
        return
    columns = ", ".join(("number", "made", "cause", *Corrected._fields))
    with connection.cursor().copy(f"COPY correction ({columns}) FROM STDIN".encode()) as copy:
        for one in corrections:
            copy.write_row((*head, *one))


def copy_refused(connection: Connection, refused: Sequence[Refused]) -> None:
    """Refusals."""
    if not refused:
        return
    with connection.cursor().copy("COPY refusal (batch, received, source, id, reason, detail) FROM STDIN") as copy:
        for one in refused:
            what = one.refusal
            copy.write_row((one.batch, one.received_us, what.source, what.id, str(what.reason), what.detail))


def copy_charges(connection: Connection, charges: Sequence[Charge], head: tuple[int, int, int]) -> None:
    """Charges. `head` is the number of the first, the delivery, and when it came."""
    if not charges:
        return
    first, delivery, imported_us = head
    columns = ", ".join(("id", "delivery", "imported", *CHARGE_FIELDS))
    with connection.cursor().copy(f"COPY charge ({columns}) FROM STDIN".encode()) as copy:
        for number, one in enumerate(charges, first):
            copy.write_row((number, delivery, imported_us, *one))
