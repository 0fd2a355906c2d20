"""The first net: what the type checker must report, and what it must let pass. Each line says what it expects."""

from __future__ import annotations

import re
from pathlib import Path

from mypy import api

ROOT = Path(__file__).parents[2]

SNIPPETS = '''
from stackledger import units
from stackledger.catalogue import Cluster, Instance, Kind, Label, Metric
from stackledger.promql import above, bucket, select
from stackledger.collect.snapshot import Part

class Db(Label):
    """A database (INFO keyspace)."""

class Role(Label):
    """A role (INFO role)."""

class Topic(Label):
    """A topic (Metadata)."""

class m:
    KEYS = Metric("k", Kind.GAUGE, units.COUNT, "Keys (INFO).", labels=(Db, Role), budget=9)
    CALLS = Metric("c_total", Kind.COUNTER, units.COUNT, "Calls (INFO).")

select(m.KEYS, Db.eq("0"), Cluster.variable()).sum(Cluster, Db)  # fine
select(m.CALLS, Instance.ne("")).rate("5m").max(Cluster, Instance)  # fine
above(select(m.KEYS).sum(Cluster) / select(m.KEYS).count(Cluster), 5).where(select(m.CALLS).sum(Cluster))  # fine
select(m.KEYS).times(select(m.CALLS), on=(Instance,), group_left=True) * 2  # fine
Part(0.0).add(m.KEYS, 5.0, "0", "master")  # fine
select(m.KEY)  # error: attr-defined
select("k")  # error: arg-type
select(m.KEYS, "db")  # error: arg-type
select(m.KEYS, Topic.eq("x"))  # error: misc
select(m.CALLS, Db.eq("0"))  # error: misc
select(m.KEYS).sum(Topic)  # error: arg-type
select(m.CALLS).sum(Db)  # error: arg-type
select(m.KEYS).max("db")  # error: arg-type
select(m.KEYS).sum(Db.eq("0"))  # error: arg-type
select(m.KEYS).rate(5)  # error: arg-type
select(m.KEYS) + "5"  # error: operator
select(m.KEYS).rated("5m")  # error: attr-defined
above(m.KEYS, 5)  # error: arg-type
above(select(m.KEYS), "5")  # error: arg-type
select(m.KEYS).and_("up")  # error: arg-type
bucket(m.KEYS, Topic.eq("x"))  # error: misc
Metric("x", "gauge", units.COUNT, "X (INFO).")  # error: call-overload
Metric("x", Kind.GAUGE, "bytes", "X (INFO).")  # error: call-overload
Metric("x", Kind.GAUGE, units.BYTE, "X (INFO).")  # error: attr-defined
Metric("x", Kind.GAUGE, units.BYTES, "X (INFO).", labels=("db",))  # error: arg-type
Part(0.0).add("k", 5.0)  # error: arg-type
Part(0.0).add(m.KEYS, "5", "0", "master")  # error: arg-type
Part(0.0).add(m.KEYS, 5.0, 0, "master")  # error: arg-type
'''


def test_every_wrong_line_is_reported_and_no_right_one(tmp_path: Path) -> None:
    file = tmp_path / "snippets.py"
    file.write_text(SNIPPETS)
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\nstrict = True\nmypy_path = {ROOT / 'exporter'}\nfollow_imports = silent\n")
    cache = ROOT / ".mypy_cache" / "typing-tests"
    out, errors, _ = api.run(["--config-file", str(config), "--cache-dir", str(cache), "--no-error-summary", str(file)])
    assert not errors, errors
    found: dict[int, set[str]] = {}
    for line, code in re.findall(r"^[^\n]*snippets\.py:(\d+): error: .*\[([a-z-]+)\]$", out, re.MULTILINE):
        found.setdefault(int(line), set()).add(code)
    expected = {
        number: {match.group(1)}
        for number, line in enumerate(SNIPPETS.splitlines(), 1)
        if (match := re.search(r"# error: ([a-z-]+)$", line))
    }
    assert len(expected) > 20
    assert found == expected, out
