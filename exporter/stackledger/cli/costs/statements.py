"""A month's statements as files: JSON as it was signed, its lines as CSV and Parquet, a page to be printed, the hashes.

The file of the hashes is written last: where it is, the others are whole. Each is written beside its place and then
renamed, so that whoever looks into the folder sees a whole file or none.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
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

    Names have the zone where the folder has statements of the month of another zone, which is another month: they stay.
    Raises OutputError where the folder cannot be written.
    """
    name = ""
    try:
        for one in statements:
            facts: Facts = json.loads(one.json)
            zone = f"-{facts['zone'].replace('/', '-')}" if _has_others(folder, one.month, facts["zone"]) else ""
            name = f"statement-{one.month}{zone}-{one.number}"
            files = _files(name, facts, one)
            if not _whole(folder, name, files):
                _write(folder, name, files)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror or error}; the statement is kept, run the command again"
        ) from error
    return name


def _has_others(folder: Path, month: str, zone: str) -> bool:
    """Whether a name without a zone is taken by a whole statement of another zone."""
    for path in folder.glob(f"statement-{month}-[0-9]*.json"):
        data, hashes = path.read_bytes(), path.with_suffix(".sha256")
        if hashes.exists() and hashes.read_bytes().startswith(hashlib.sha256(data).hexdigest().encode()):
            try:
                kept = json.loads(data)["zone"]
            except (ValueError, TypeError, KeyError):
                continue  # no statement
            if kept != zone:
                return True
    return False


def _files(name: str, facts: Facts, one: Stated) -> dict[str, bytes]:
    """What the statement gives, by the names of the files."""
    from stackledger.ledger.statements.facts import table
    from stackledger.serve.costs.statement import printable

    return {
        f"{name}.json": one.json.encode(),
        f"{name}.csv": table(facts).encode(),
        f"{name}.parquet": _parquet(facts, one),
        f"{name}.html": printable(facts, one.sha256).encode(),
    }


def _whole(folder: Path, name: str, files: Mapping[str, bytes]) -> bool:
    """Whether all files are there with what the statement gives, and the hashes are theirs."""
    try:
        kept = {file: (folder / file).read_bytes() for file in files}
        hashes = (folder / f"{name}.sha256").read_bytes()
    except FileNotFoundError:
        return False
    differing = [file for file, data in files.items() if kept[file] != data]
    if hashes != _hashes(kept) or differing not in ([], [f"{name}.parquet"]):
        return False
    return all(_content(kept[file]) == _content(files[file]) for file in differing)


def _write(folder: Path, name: str, files: Mapping[str, bytes]) -> None:
    for file, data in files.items():
        replace(folder / file, data)
    replace(folder / f"{name}.sha256", _hashes(files))


def _hashes(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {file}\n" for file, data in files.items()).encode()


def _content(parquet: bytes) -> object:
    """Columns, rows and metadata, which stay where another version writes other bytes; None of what is no Parquet."""
    import duckdb

    with duckdb.connect() as db, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.parquet"
        path.write_bytes(parquet)
        try:
            lines = db.execute("SELECT * FROM read_parquet(?)", [str(path)])
            columns, rows = lines.description, lines.fetchall()
            told = db.execute("SELECT key, value FROM parquet_kv_metadata(?) ORDER BY key", [str(path)]).fetchall()
        except duckdb.Error:
            return None
    return columns, rows, told


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
