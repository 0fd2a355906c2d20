"""A statement's files: the same numbers in every form, hashes that hold, whole files or none, a page that prints."""

from __future__ import annotations

import csv
import hashlib
import html
import json
import os
import re
import subprocess
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lab import programs
from stackledger.cli.costs.statements import write_missing
from stackledger.errors import OutputError
from stackledger.ledger.charges import focus
from stackledger.ledger.charges.rows import identified
from stackledger.ledger.charges.store import deliver
from stackledger.ledger.engines.base import Engine
from stackledger.ledger.per_user.declared import Declared
from stackledger.ledger.per_user.definition import Definition, Llm, Source
from stackledger.ledger.rates import Rate, Rates
from stackledger.ledger.reconcile.answers import Terms
from stackledger.ledger.statements.answers import CloseReply
from tests.conftest import skip_or_fail
from tests.integration.ledger import bill_generator as bills
from tests.integration.ledger.building import Ledger
from tests.integration.ledger.test_close import Opened

HOSTILE = "=<script>alert(1)</script>"


@pytest.fixture
def opened(engine: Engine) -> Opened:
    return Opened(engine)


@pytest.fixture
def closed(opened: Opened, tmp_path: Path) -> CloseReply:
    """September with a close and a correction: a call that came late, and a bill that was restated."""
    events = bills.events()
    late = [type(one)(**_fields(one) | {"id": f"late-{one.id}", "team": HOSTILE}) for one in events[:1]]
    Ledger(opened.engine, bills.prices()).put(events, 1)
    lines = identified(focus.charges(str(bills.write_focus(tmp_path / "bill.csv"))))
    deliver(opened.engine, lines, 5)
    assert opened.close().number == 1
    Ledger(opened.engine, bills.prices()).put(late, 2)
    deliver(opened.engine, [one for one in lines if one.category != "tax"], 6)
    reply = opened.close()
    assert (reply.number, len(reply.all)) == (2, 2)
    return reply


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__struct_fields__}


def amounts_of(page: str, heading: str) -> list[str]:
    """The exact amounts in a part of the page."""
    (part,) = [one for one in page.split("<h2>")[1:] if one.startswith(heading)]
    return re.findall(r'<data value="([^"]*)">', part)


def test_every_form_has_the_same_numbers(closed: CloseReply, tmp_path: Path) -> None:
    assert write_missing(tmp_path, closed.all) == "statement-2026-09-2"
    first, second = (json.loads((tmp_path / f"statement-2026-09-{n}.json").read_text()) for n in (1, 2))
    estimates = [one["estimated_usd"] for one in first["estimate"]["lines"]]
    billed = [one["billed"] for one in first["bills"]]
    rows = _csv(tmp_path / "statement-2026-09-1.csv")
    assert estimates.count(None) == 1  # of the model without a price: unknown in every form, and nowhere 0
    assert [row["amount"] or None for row in rows] == [*estimates, *billed]
    assert [int(row["calls"]) for row in rows if row["calls"]] == [one["calls"] for one in first["estimate"]["lines"]]
    told = duckdb.sql(f"SELECT * FROM '{tmp_path / 'statement-2026-09-1.parquet'}'")
    assert str(told.types[-1]) == "DECIMAL(38,12)"
    assert [_plain(row[-1]) for row in told.fetchall()] == [*estimates, *billed]
    assert [row[4] for row in told.fetchall() if row[4] is not None] == [
        int(row["calls"]) for row in rows if row["calls"]
    ]
    page = (tmp_path / "statement-2026-09-1.html").read_text()
    assert amounts_of(page, "Our estimate") == [*filter(None, estimates), first["estimate"]["estimated_usd"]]
    assert page.count("<span>unknown</span>") == 1
    assert amounts_of(page, "Bills") == billed
    for one in first["reconciliation"]:
        name = f"{one['provider']} {one['account']}: "
        assert amounts_of(page, name) == [one["estimated_usd"], *one["causes_usd"].values(), one["billed_usd"]]

    changes = [[one[name] for name in ("before", "after", "difference")] for one in second["changes"]]
    assert len(changes) >= 2
    rows = _csv(tmp_path / "statement-2026-09-2.csv")
    assert [[row[name] for name in ("before", "after", "difference")] for row in rows] == changes
    told = duckdb.sql(f"SELECT before, after, difference FROM '{tmp_path / 'statement-2026-09-2.parquet'}'")
    assert [list(map(_plain, row)) for row in told.fetchall()] == changes
    page = (tmp_path / "statement-2026-09-2.html").read_text()
    assert amounts_of(page, "What changed") == [amount for row in changes for amount in row]
    assert HOSTILE not in page
    assert "=&lt;script&gt;" in page


def test_the_page_has_the_rates_and_the_cost_per_active_user(
    closed: CloseReply, opened: Opened, tmp_path: Path
) -> None:
    opened.declared = Declared(
        Definition("UTC", users=Source.PROMETHEUS, query="mau", infrastructure=False, llm=Llm.BILLED),
        Terms("tag.account"),
        rates=lambda: Rates([Rate(date(2026, 9, 1), "EUR", "USD", Fraction(2), "2")], 40),
        prometheus=lambda _query, _at: 5.0,
    )
    deliver(opened.engine, identified(focus.charges(str(tmp_path / "bill.csv"))), 7)  # with the line in EUR again
    write_missing(tmp_path, opened.close(month="2026-09", zone="Etc/GMT", tolerance_percent="50").all)
    told = json.loads((tmp_path / "statement-2026-09-1.json").read_text())
    page = (tmp_path / "statement-2026-09-1.html").read_text()
    (rate,) = told["converted"]
    assert amounts_of(page, "Converted to USD") == [rate["amount"], rate["usd"]]
    assert rate["rate"] in page
    ours = told["per_user"]
    wanted = [one[name] for one in [*ours["parts"], ours] for name in ("cost_usd", "per_user_usd")]
    assert amounts_of(page, "Cost per active user") == [amount for amount in wanted if amount is not None]
    assert all(html.escape(one["words"]) in page for one in ours["reasons"])
    assert all(html.escape(line) in page for line in ours["definition"])


def test_each_form_names_the_hash_of_the_statement_and_all_hashes_hold(closed: CloseReply, tmp_path: Path) -> None:
    write_missing(tmp_path, closed.all)
    for number, stated in enumerate(closed.all, 1):
        name = f"statement-2026-09-{number}"
        assert hashlib.sha256((tmp_path / f"{name}.json").read_bytes()).hexdigest() == stated.sha256
        done = subprocess.run(
            ["sha256sum", "-c", f"{name}.sha256"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("OK") == 4
        assert stated.sha256 in (tmp_path / f"{name}.html").read_text()
        kept = duckdb.sql(f"SELECT key, value FROM parquet_kv_metadata('{tmp_path / f'{name}.parquet'}')").fetchall()
        assert dict(kept) == {
            b"month": b"2026-09", b"number": str(number).encode(), b"sha256": stated.sha256.encode(),
        }  # fmt: skip


def test_what_is_missing_or_was_changed_is_written_again_and_nothing_else(closed: CloseReply, tmp_path: Path) -> None:
    write_missing(tmp_path, closed.all)
    whole = {path.name: path.read_bytes() for path in tmp_path.glob("statement-*")}
    assert len(whole) == 10
    stamps = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("statement-*")}
    write_missing(tmp_path, closed.all)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("statement-*")} == stamps
    (tmp_path / "statement-2026-09-1.csv").write_text("side,amount\n")
    (tmp_path / "statement-2026-09-2.sha256").unlink()
    write_missing(tmp_path, closed.all)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("statement-*")} == whole
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="the statement is kept, run the command again"):
        write_missing(tmp_path / "file" / "folder", closed.all)


def test_what_was_changed_together_with_its_hash_is_written_again(closed: CloseReply, tmp_path: Path) -> None:
    folder = tmp_path / "statements"
    write_missing(folder, closed.all)
    whole = {path.name: path.read_bytes() for path in folder.glob("*")}
    name = "statement-2026-09-1"
    doctored = {
        "csv": b"side,amount\n",
        "html": whole[f"{name}.html"].replace(b"anna", b"eve"),
        "parquet": _parquet(folder / f"{name}.parquet", tmp_path, "SELECT * REPLACE (amount + 1 AS amount)"),
    }
    for end, data in doctored.items():
        (folder / f"{name}.{end}").write_bytes(data)
        _hash_again(folder, name)
        write_missing(folder, closed.all)
        assert {path.name: path.read_bytes() for path in folder.glob("*")} == whole
    (folder / f"{name}.parquet").write_bytes(b"no Parquet")
    _hash_again(folder, name)
    write_missing(folder, closed.all)
    assert {path.name: path.read_bytes() for path in folder.glob("*")} == whole
    other = _parquet(folder / f"{name}.parquet", tmp_path, "SELECT *")  # as another version may write the same rows
    assert other != whole[f"{name}.parquet"]
    (folder / f"{name}.parquet").write_bytes(other)
    _hash_again(folder, name)
    write_missing(folder, closed.all)
    assert (folder / f"{name}.parquet").read_bytes() == other


def test_the_month_of_another_zone_has_files_of_its_own(closed: CloseReply, opened: Opened, tmp_path: Path) -> None:
    folder = tmp_path / "statements"
    write_missing(folder, closed.all)
    whole = {path.name: path.read_bytes() for path in folder.glob("*")}
    berlin = opened.close(zone="Europe/Berlin", tolerance_percent="100").all
    for _ in range(2):
        assert write_missing(folder, berlin) == "statement-2026-09-Europe-Berlin-1"
        assert write_missing(folder, closed.all) == "statement-2026-09-2"
        found = {path.name: path.read_bytes() for path in folder.glob("*")}
        assert whole.items() <= found.items()
        assert len(found) == len(whole) + 5
    assert json.loads(found["statement-2026-09-Europe-Berlin-1.json"])["zone"] == "Europe/Berlin"


def _parquet(path: Path, tmp_path: Path, select: str) -> bytes:
    """The statement's Parquet with other lines, or written otherwise, and the same metadata."""
    kept = duckdb.sql(f"SELECT key::VARCHAR, value::VARCHAR FROM parquet_kv_metadata('{path}')").fetchall()
    told = ", ".join(f"{key}: '{value}'" for key, value in kept)
    out = tmp_path / "other.parquet"
    duckdb.sql(f"COPY ({select} FROM '{path}') TO '{out}' (FORMAT parquet, CODEC zstd, KV_METADATA {{{told}}})")
    return out.read_bytes()


def _hash_again(folder: Path, name: str) -> None:
    """As somebody does who wants the hashes to hold."""
    ends = ("json", "csv", "parquet", "html")
    lines = [f"{hashlib.sha256((folder / f'{name}.{end}').read_bytes()).hexdigest()}  {name}.{end}\n" for end in ends]
    (folder / f"{name}.sha256").write_text("".join(lines))


def test_cut_off_at_any_step_of_writing_there_are_whole_files_or_none(
    closed: CloseReply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_missing(tmp_path / "whole", closed.all)
    wanted = {path.name: path.read_bytes() for path in (tmp_path / "whole").glob("*")}
    sync, rename = os.fsync, Path.replace
    steps = 0
    while True:
        folder, left = tmp_path / f"cut-{steps}", [steps]

        def counted(work: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
            def step(*given: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt  # as abrupt as a process can end in this one
                return work(*given)

            return step

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", counted(sync, left))
            patch.setattr(Path, "replace", counted(rename, left))
            try:
                write_missing(folder, closed.all)
                break
            except KeyboardInterrupt:
                steps += 1
        found = {path.name: path.read_bytes() for path in folder.glob("*") if path.suffix != ".new"}
        assert found.items() <= wanted.items()
        for name in (name for name in found if name.endswith(".sha256")):  # the last: all others are there
            assert {other for other in wanted if other.startswith(name.removesuffix("sha256"))} <= set(found)
        write_missing(folder, closed.all)
        assert {path.name: path.read_bytes() for path in folder.glob("*")} == wanted
    assert steps == 2 * 5 * 3  # two statements, five files, each: its content, its name, the folder


@pytest.mark.real("chromium")
def test_the_page_prints_on_paper_and_loads_nothing(closed: CloseReply, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    try:
        chromium = programs.find("chromium")
    except programs.ProgramMissingError as missing:
        skip_or_fail(missing)
    write_missing(tmp_path, closed.all)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 680, "height": 900})  # what an A4 page has between its margins
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for number in (1, 2):
            where = f"file://{tmp_path}/statement-2026-09-{number}.html"
            asked.clear()
            page.goto(where)
            assert [url for url in asked if not url.startswith("data:")] == [where]
            assert page.locator("script, link[href^=http], img").count() == 0
            page.emulate_media(media="print")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
            page.screenshot(path=tmp_path / f"print-{number}.png", full_page=True)
            page.pdf(path=tmp_path / f"statement-{number}.pdf", prefer_css_page_size=True)
            pdf = (tmp_path / f"statement-{number}.pdf").read_bytes()
            assert pdf.startswith(b"%PDF-")
            assert 1 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 6
        opened.close()


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _plain(amount: Any) -> str | None:
    """A DECIMAL(38, 12) as the statement writes it: two decimals at least, and no zeros after them."""
    if amount is None:
        return None
    whole, _, decimals = f"{amount:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"
