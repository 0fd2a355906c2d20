"""Lines of a report as Parquet: cost as DECIMAL(38, 12), so that nothing is rounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stackledger.errors import OutputError


def write(path: str, rows: Sequence[dict[str, Any]], by: Sequence[str]) -> None:
    """Write the file. Raises OutputError when it cannot be written."""
    import duckdb

    buckets = list(dict.fromkeys(name for row in rows for name in row["tokens"]))
    columns = [
        *(f"{_quoted(name)} VARCHAR" for name in by),
        "events BIGINT",
        *(f"{name} BIGINT" for name in buckets),
        "cost_usd DECIMAL(38, 12)",
        "unpriced_events BIGINT",
    ]
    values = [
        [*(row[name] for name in by), row["events"], *(row["tokens"].get(name, 0) for name in buckets),
         row["cost_usd"], row["unpriced_events"]]
        for row in rows
    ]  # fmt: skip
    with duckdb.connect() as db:
        db.execute(f"CREATE TABLE report ({', '.join(columns)})")
        if values:
            marks = ", ".join("?" for _ in columns)
            db.executemany(f"INSERT INTO report VALUES ({marks})", values)  # noqa: S608 - marks, no values
        try:
            db.execute("COPY report TO ? (FORMAT parquet)", [path])
        except duckdb.Error as error:
            raise OutputError(f"{path} cannot be written: {error}") from error


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
