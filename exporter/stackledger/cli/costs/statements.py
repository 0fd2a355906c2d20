"""A month's statements as files: JSON as it was signed, its lines as CSV and Parquet, a page to be printed, the hashes.

The file of the hashes is written last: where it is, the others are whole. Each is written beside its place and then
renamed, so that whoever looks into the folder sees a whole file or none.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackledger.errors import OutputError
from stackledger.ledger.prices.files import replace

if TYPE_CHECKING:
    from stackledger.ledger.statements.answers import Stated
    from stackledger.ledger.statements.facts import Facts

OTHERS: Final = (".csv", ".parquet", ".html", ".sha256")
"""What a statement's files end in, beside .json."""


def write_missing(folder: Path, statements: Sequence[Stated]) -> str:
    """Write those of a month's statements that are not in the folder as they were signed; the name of the last one.

    Raises OutputError where the folder cannot be written.
    """
    name = ""
    for one in statements:
        name = f"statement-{one.month}-{one.number}"
        try:
            if not _whole(folder, name, one.sha256):
                _write(folder, name, one)
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be written: {error.strerror or error}; the statement is kept, run the command again"
            ) from error
    return name


def _whole(folder: Path, name: str, sha256: str) -> bool:
    """Whether all files are there, each with the hash that was written for it, and the statement with its own."""
    try:
        lines = (folder / f"{name}.sha256").read_text().splitlines()
        told = {file: digest for digest, _, file in (line.partition("  ") for line in lines)}
        found = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in told}
    except (FileNotFoundError, ValueError):
        return False
    wanted = {f"{name}{end}" for end in (".json", *OTHERS) if end != ".sha256"}
    return found == told and wanted == set(told) and told[f"{name}.json"] == sha256


def _write(folder: Path, name: str, one: Stated) -> None:
    from stackledger.ledger.statements.facts import table
    from stackledger.serve.costs.statement import printable

    facts: Facts = json.loads(one.json)
    files = {
        f"{name}.json": one.json.encode(),
        f"{name}.csv": table(facts).encode(),
        f"{name}.parquet": _parquet(facts, one),
        f"{name}.html": printable(facts, one.sha256).encode(),
    }
    for file, data in files.items():
        replace(folder / file, data)
    hashes = "".join(f"{hashlib.sha256(data).hexdigest()}  {file}\n" for file, data in files.items())
    replace(folder / f"{name}.sha256", hashes.encode())


def _parquet(facts: Facts, one: Stated) -> bytes:
    """The lines, amounts as DECIMAL(38, 12); the file's metadata name the statement and its hash."""
    import duckdb

    from stackledger.ledger.statements.facts import lines

    told = lines(facts)

    def kind(place: int) -> str:
        return "DECIMAL(38, 12)" if place in told.amounts else "BIGINT" if place in told.numbers else "VARCHAR"

    columns = [f"{head.replace(' ', '_')} {kind(place)}" for place, head in enumerate(told.heads)]
    marks = ", ".join("?" for _ in columns)
    with duckdb.connect() as db, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.parquet"
        db.execute(f"CREATE TABLE lines ({', '.join(columns)})")
        if told.rows:
            rows = [[text or None for text in row] for row in told.rows]
            db.executemany(f"INSERT INTO lines VALUES ({marks})", rows)  # noqa: S608 - marks, no values
        metadata = f"{{month: '{one.month}', number: '{one.number}', sha256: '{one.sha256}'}}"
        try:
            db.execute(f"COPY lines TO '{path}' (FORMAT parquet, KV_METADATA {metadata})")
        except duckdb.Error as error:
            raise OutputError(f"the statement cannot be written as Parquet: {error}") from error
        return path.read_bytes()
