"""Parameters' units, the driver's refusals, and answers turned into samples: no server needed."""

from __future__ import annotations

import pytest

from stackledger.collect.snapshot import Part
from stackledger.errors import AuthError, ConnectError, ProtocolError, ReadTimeoutError, TargetError
from stackledger.integrations.postgres import failure
from stackledger.integrations.postgres.core import metrics as m
from stackledger.integrations.postgres.core.settings import SETTINGS, factor_of, value_of
from stackledger.integrations.postgres.query import Answer, Family, Query
from stackledger.integrations.postgres.replication import samples as replication
from stackledger.integrations.postgres.replication.queries import STREAMS
from stackledger.integrations.postgres.state import PostgresState
from stackledger.integrations.postgres.view import ClusterView, Identity, NodeView

STREAM_COLUMNS = ("application_name", "client_addr", "state", "sync_state", "unsent", "slots")
STREAM_COLUMNS += ("write_lag", "flush_lag", "replay_lag")


def node(
    address: str,
    *,
    recovering: bool,
    written: int | None = None,
    received: int | None = None,
    receiver: str | None = "streaming",
    slot: str | None = None,
    system: str = "7",
    timeline: int = 1,
    streams: tuple[tuple[str, str], ...] | None = None,
) -> NodeView:
    identity = Identity(
        system_identifier=system,
        recovering=recovering,
        timeline=timeline,
        written=written,
        received=received,
        replayed=received,
        receiver=receiver if recovering else None,
        slot=slot,
        receiver_name=address if receiver and recovering else None,
        cluster_name=address,
        version="PostgreSQL 15.0",
        short_version="15.0",
        started=0.0,
        statements_schema=None,
    )
    answers = {}
    if streams is not None:
        rows = tuple((name, "", "streaming", "async", 0.0, [slot], None, None, None) for name, slot in streams)
        answers[STREAMS] = Answer(STREAM_COLUMNS, rows)
    return NodeView(address, 100.0, identity, answers, {})


def cluster_samples(
    *nodes: NodeView, silent: dict[str, TargetError] | None = None, state: PostgresState | None = None
) -> dict[str, dict[tuple[str, ...], float]]:
    view = ClusterView(100.0, nodes, silent or {})
    kept = state or PostgresState()
    replication.observe(kept, view)
    part = Part(100.0)
    replication.add_cluster(part, view, kept)
    return {x.name: dict(zip(rows.keys, rows.values, strict=True)) for x, rows in part.rows.items()}


@pytest.mark.parametrize(
    ("setting", "unit", "kind", "value"),
    [
        ("on", None, "bool", 1.0),
        ("off", None, "bool", 0.0),
        ("16384", "8kB", "integer", 134_217_728.0),
        ("64", "MB", "integer", 67_108_864.0),
        ("1024", "B", "integer", 1_024.0),
        ("200", "ms", "integer", 0.2),
        ("5", "min", "integer", 300.0),
        ("-1", "kB", "integer", -1.0),
        ("-1", "ms", "integer", -1.0),
        ("0700", None, "integer", 700.0),
        ("0.5", None, "real", 0.5),
    ],
)
def test_parameters_come_in_base_units(setting: str, unit: str | None, kind: str, value: float) -> None:
    assert value_of(setting, unit, kind) == pytest.approx(value)


@pytest.mark.parametrize("unit", ["parsec", "8", "kkB", "x8kB", ""])
def test_an_unknown_unit_is_refused(unit: str) -> None:
    with pytest.raises(ValueError, match="unknown unit"):
        factor_of(unit)


def test_every_parameter_in_seconds_or_bytes_says_so_in_its_name() -> None:
    assert SETTINGS["shared_buffers"].name == "pg_settings_shared_buffers_bytes"
    assert SETTINGS["statement_timeout"].name == "pg_settings_statement_timeout_seconds"
    assert SETTINGS["pg_stat_statements.max"].name == "pg_settings_pg_stat_statements_max"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('FATAL:  password authentication failed for user "monitor"', AuthError),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "monitor"', AuthError),
        ("fe_sendauth: no password supplied", AuthError),
        ("connection to server failed: Connection refused", ConnectError),
        ('FATAL:  database "nowhere" does not exist', ConnectError),
        ("received invalid response to SSL negotiation: H", ProtocolError),
        ("timeout expired", ReadTimeoutError),
        ("something nobody has seen", ConnectError),
    ],
)
def test_a_refusal_says_what_to_do_and_repeats_nothing(text: str, kind: type[TargetError]) -> None:
    error = failure.of_connecting("db1:5432", text + " password=hunter2")
    assert type(error) is kind
    assert str(error).startswith("db1:5432: ")
    assert "hunter2" not in str(error)


def test_a_missing_right_names_the_role_to_give() -> None:
    error = failure.of_query("db1:5432", "wal", "42501")
    assert isinstance(error, AuthError)
    assert "pg_monitor" in str(error)


def test_null_gives_no_sample() -> None:
    query = Query("x", "SELECT 1")
    part = Part(0.0)
    family = Family(query, ("datname",), {"size": m.DATABASE_SIZE})
    family.add(part, Answer(("datname", "size"), (("a", None), ("b", 5))))
    assert part.rows[m.DATABASE_SIZE].keys == [("b",)]
    empty = Part(0.0)
    family.add(empty, Answer(("datname", "size"), (("a", None),)))
    assert m.DATABASE_SIZE not in empty.rows


def test_a_standby_that_no_node_lists_is_disconnected_even_if_it_believes_otherwise() -> None:
    primary = node("p:1", recovering=False, written=500, streams=(("other", "other"),))
    found = cluster_samples(primary, node("s:1", recovering=True, received=400, slot="s"))
    assert found["stackledger_postgres_standby_connected"] == {("s:1",): 0.0}
    assert found["stackledger_postgres_standby_receive_lag_bytes"] == {("s:1",): 100.0}


def test_a_standby_is_found_by_its_slot_and_else_by_its_name() -> None:
    by_slot = node("p:1", recovering=False, written=500, streams=(("walreceiver", "s"),))
    by_name = node("p:1", recovering=False, written=500, streams=(("s:1", "none"),))
    for primary, slot in ((by_slot, "s"), (by_name, None)):
        found = cluster_samples(primary, node("s:1", recovering=True, received=500, slot=slot))
        assert found["stackledger_postgres_standby_connected"] == {("s:1",): 1.0}


def test_a_cascaded_standby_is_connected_through_another() -> None:
    primary = node("p:1", recovering=False, written=500, streams=(("a:1", "a"),))
    middle = node("a:1", recovering=True, received=500, slot="a", streams=(("b:1", "b"),))
    found = cluster_samples(primary, middle, node("b:1", recovering=True, received=490, slot="b", streams=()))
    assert found["stackledger_postgres_standby_connected"] == {("a:1",): 1.0, ("b:1",): 1.0}


def test_without_a_primary_there_is_no_lag_and_no_verdict_on_streams() -> None:
    found = cluster_samples(
        node("s:1", recovering=True, received=500, streams=()), silent={"p:1": ConnectError("p:1: refused")}
    )
    assert found["stackledger_postgres_writable_nodes"] == {(): 0}
    assert not [name for name in found if "lag" in name or "connected" in name or "stalled" in name]


def test_a_node_that_refuses_our_login_leaves_the_number_of_primaries_open() -> None:
    standby = node("s:1", recovering=True, received=500, streams=())
    assert "stackledger_postgres_writable_nodes" not in cluster_samples(standby, silent={"p:1": AuthError("p:1: no")})
    primary = node("p:1", recovering=False, written=500, streams=())
    found = cluster_samples(primary, silent={"s:1": AuthError("s:1: no")})
    assert found["stackledger_postgres_writable_nodes"] == {(): 1}


def test_of_two_primaries_lag_is_reckoned_from_the_newer_timeline() -> None:
    old = node("a:1", recovering=False, written=9_000, timeline=1, streams=())
    new = node("b:1", recovering=False, written=800, timeline=2, streams=(("s:1", "s"),))
    found = cluster_samples(old, new, node("s:1", recovering=True, received=700, slot="s"))
    assert found["stackledger_postgres_writable_copies"] == {("7",): 2}
    assert found["stackledger_postgres_standby_receive_lag_bytes"] == {("s:1",): 100.0}


def test_a_standby_of_another_cluster_is_never_compared() -> None:
    primary = node("p:1", recovering=False, written=500, streams=())
    found = cluster_samples(primary, node("x:1", recovering=True, received=10, system="8"))
    assert "stackledger_postgres_standby_receive_lag_bytes" not in found
    assert found["stackledger_postgres_writable_copies"] == {("7",): 1, ("8",): 0}


def test_a_node_taken_out_of_the_configuration_is_forgotten() -> None:
    state = PostgresState()
    primary = node("p:1", recovering=False, written=500, streams=())
    cluster_samples(primary, node("s:1", recovering=True, received=500), state=state)
    assert state.standbys.keys() == {"s:1"}
    cluster_samples(primary, state=state)
    assert not state.standbys
