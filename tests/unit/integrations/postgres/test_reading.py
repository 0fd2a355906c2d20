"""Parameters' units, the driver's refusals, and answers turned into samples: no server needed."""

from __future__ import annotations

from dataclasses import replace

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
STREAM_COLUMNS += ("write_lag", "flush_lag", "replay_lag", "flushed", "replayed")
REFUSED = failure.NotServingError("refused")
SILENT = ReadTimeoutError("silent")
DENIED = AuthError("denied")


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
    told: int | None = None,
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
        rows = tuple(
            (name, "", "streaming", "async", 0.0, [slot], None, None, None, told, told) for name, slot in streams
        )
        answers[STREAMS] = Answer(STREAM_COLUMNS, rows)
    return NodeView(address, 100.0, identity, answers, {})


def cluster_samples(
    *nodes: NodeView,
    silent: dict[str, TargetError] | None = None,
    state: PostgresState | None = None,
    now: float = 100.0,
) -> dict[str, dict[tuple[str, ...], float]]:
    view = ClusterView(now, tuple(replace(node, read_at=now) for node in nodes), silent or {})
    kept = state or PostgresState()
    replication.observe(kept, view)
    part = Part(now)
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
        ("connection to server failed: Connection refused", failure.NotServingError),
        ('FATAL:  database "nowhere" does not exist', ConnectError),
        ("received invalid response to SSL negotiation: H", ProtocolError),
        ("timeout expired", ReadTimeoutError),
        ("something nobody has seen", ConnectError),
        ("FATAL:  the database system is starting up", failure.NotServingError),
        ("FATAL:  the database system is shutting down", failure.NotServingError),
        ("FATAL:  the database system is not yet accepting connections", failure.NotServingError),
        ("::1 failed: Connection refused; 10.0.0.1 failed: Connection timed out", ReadTimeoutError),
        ("10.0.0.1 failed: Connection refused; 10.0.0.2 failed: No route to host", ConnectError),
        ('private key file "/k.pem" has group or world access', AuthError),
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
    found = cluster_samples(node("s:1", recovering=True, received=500, streams=()), silent={"p:1": REFUSED})
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


LAGS = ("receive_lag_bytes", "replay_lag_bytes", "replay_lag_seconds", "stalled_seconds")


def streaming(written: int, *, told: int | None) -> NodeView:
    """A primary that feeds s:1 and was told how far that one is."""
    return node("p:1", recovering=False, written=written, streams=(("s:1", "s"),), told=told)


def of_standby(found: dict[str, dict[tuple[str, ...], float]]) -> dict[str, float | None]:
    return {name: found.get(f"stackledger_postgres_standby_{name}", {}).get(("s:1",)) for name in (*LAGS, "connected")}


def swept_before(state: PostgresState) -> None:
    cluster_samples(streaming(500, told=500), node("s:1", recovering=True, received=500, slot="s"), state=state)


@pytest.mark.parametrize("error", [DENIED, SILENT, ConnectError("reset")])
def test_a_standby_that_is_silent_to_us_alone_is_not_stalled(error: TargetError) -> None:
    state = PostgresState()
    swept_before(state)
    for step in range(1, 5):
        primary = streaming(500 + 1_000 * step, told=490 + 1_000 * step)
        found = cluster_samples(primary, silent={"s:1": error}, state=state, now=100.0 + 60 * step)
    # The seconds are those since the primary was first seen past it: this very sweep.
    expected = {"receive_lag_bytes": 10, "replay_lag_bytes": 10, "replay_lag_seconds": 0, "stalled_seconds": 0}
    assert of_standby(found) == {**expected, "connected": 1}


def test_a_stream_that_stands_still_is_stalled_though_its_standby_is_silent_too() -> None:
    state = PostgresState()
    swept_before(state)
    for step in range(1, 4):
        primary = streaming(500 + 1_000 * step, told=500)
        found = cluster_samples(primary, silent={"s:1": DENIED}, state=state, now=100.0 + 15 * step)
    assert of_standby(found)["stalled_seconds"] == 30
    assert of_standby(found)["connected"] == 1


def test_a_standby_s_position_does_not_go_back_when_its_upstream_tells_it() -> None:
    state = PostgresState()
    swept_before(state)
    found = cluster_samples(streaming(500, told=450), silent={"s:1": DENIED}, state=state, now=115.0)
    assert of_standby(found)["receive_lag_bytes"] == 0


def test_nothing_is_reckoned_from_a_position_that_is_only_remembered() -> None:
    unread = node("p:1", recovering=False, written=9_000, streams=())
    two_streams = node("p:1", recovering=False, written=9_000, streams=(("s:1", "s"), ("again", "s")), told=500)
    for primary in (unread, two_streams, streaming(9_000, told=None)):
        state = PostgresState()
        swept_before(state)
        found = of_standby(cluster_samples(primary, silent={"s:1": SILENT}, state=state, now=160.0))
        assert {found[name] for name in LAGS} == {None}
        assert found["connected"] is not None


def test_a_namesake_s_stream_is_not_taken_for_a_silent_standby_s() -> None:
    state = PostgresState()
    both = [replace(node(at, recovering=True, received=500), address=at) for at in ("s:1", "t:1")]
    both = [replace(one, identity=replace(one.identity, receiver_name="walreceiver")) for one in both]
    primary = node("p:1", recovering=False, written=500, streams=(("walreceiver", "none"),), told=500)
    cluster_samples(primary, *both, state=state)
    later = node("p:1", recovering=False, written=900, streams=(("walreceiver", "none"),), told=900)
    found = of_standby(cluster_samples(later, both[1], silent={"s:1": SILENT}, state=state, now=115.0))
    assert {found[name] for name in LAGS} == {None}


def writable(*nodes: NodeView, silent: dict[str, TargetError], state: PostgresState | None = None) -> float | None:
    found = cluster_samples(*nodes, silent=silent, state=state, now=115.0)
    return found.get("stackledger_postgres_writable_nodes", {}).get(())


def test_a_cluster_that_is_stopped_has_no_primary() -> None:
    assert writable(silent={"p:1": REFUSED, "s:1": REFUSED}) == 0


@pytest.mark.parametrize("error", [SILENT, DENIED, ConnectError("no route"), ProtocolError("not PostgreSQL")])
def test_nodes_that_are_silent_to_us_leave_the_number_of_primaries_open(error: TargetError) -> None:
    assert writable(silent={"p:1": error, "s:1": error}) is None
    assert writable(silent={"p:1": error, "s:1": REFUSED}) is None


def lost(address: str = "s:1") -> NodeView:
    return node(address, recovering=True, received=500, receiver=None, streams=())


def test_a_primary_that_is_silent_to_its_standbys_too_is_gone() -> None:
    fed = node("s:1", recovering=True, received=500, slot="s", streams=())
    for seen, silence, expected in (
        (fed, SILENT, None),  # silent to us alone
        (lost(), SILENT, 0),
        (lost(), ConnectError("no route"), 0),
        (lost(), DENIED, None),  # it answered
    ):
        state = PostgresState()
        swept_before(state)
        assert writable(seen, silent={"p:1": silence}, state=state) == expected


def test_one_standby_that_is_still_fed_proves_the_primary() -> None:
    state = PostgresState()
    cluster_samples(
        node("p:1", recovering=False, written=500, streams=(("s:1", "s"), ("t:1", "t"))),
        node("s:1", recovering=True, received=500, slot="s", streams=()),
        node("t:1", recovering=True, received=500, slot="t", streams=()),
        state=state,
    )
    fed = node("t:1", recovering=True, received=500, slot="t", streams=())
    assert writable(lost(), fed, silent={"p:1": SILENT}, state=state) is None
    assert writable(lost(), lost("t:1"), silent={"p:1": SILENT}, state=state) == 0


def test_a_standby_that_another_standby_feeds_proves_nothing() -> None:
    state = PostgresState()
    leaf = node("t:1", recovering=True, received=500, slot="t", streams=())
    cluster_samples(
        node("p:1", recovering=False, written=500, streams=(("s:1", "s"),)),
        node("s:1", recovering=True, received=500, slot="s", streams=(("t:1", "t"),)),
        leaf,
        state=state,
    )
    middle = node("s:1", recovering=True, received=500, receiver=None, streams=(("t:1", "t"),))
    assert writable(middle, leaf, silent={"p:1": SILENT}, state=state) == 0


def test_a_standby_that_had_no_stream_before_is_no_witness() -> None:
    state = PostgresState()
    cluster_samples(node("p:1", recovering=False, written=500, streams=()), lost(), state=state)
    assert writable(lost(), silent={"p:1": SILENT}, state=state) is None
    assert writable(lost(), silent={"p:1": SILENT}, state=PostgresState()) is None
