"""Redis' answers under any input: a clear error or values, never anything else; and slot maths against brute force."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stackledger.errors import ProtocolError
from stackledger.integrations.redis import answers as read
from stackledger.integrations.redis import commands, samples, topology
from stackledger.integrations.redis.answers import SLOTS, Answers, Member

REPLIES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(max_size=40), lambda inner: st.lists(inner, max_size=6), max_leaves=20
)
FIELDS = st.one_of(
    st.sampled_from(["role", "slave0", "connected_slaves", "db0", "cmdstat_get", "errorstat_OOM", "maxmemory"]),
    st.sampled_from(
        ["latency_percentiles_usec_get", "total_commands_processed", "uptime_in_seconds", "cluster_enabled"]
    ),
    st.text(max_size=12),
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["slave", "calls=1,usec=2", "p50=1,p99=x,pp=3", "keys=1", "ip=a,port=b,lag=1e999", "nan", "1e400"]),
)


@given(REPLIES, st.dictionaries(FIELDS, VALUES, max_size=12))
def test_any_answer_is_an_error_or_samples(reply: Any, info: dict[str, str]) -> None:
    members = None
    with suppress(ProtocolError):
        members = read.parse_members(reply, "a:1")
    with suppress(ProtocolError):
        read.parse_info(reply, "a:1")
    answers = Answers(
        "a:1",
        0.0,
        info,
        members=members,
        cluster_info=read.parse_cluster_info(reply),
        slow=read.parse_slow(reply),
        spikes=read.parse_spikes(reply),
        histograms=read.parse_histograms(reply),
        config=read.parse_config(reply),
    )
    part = samples.node_part(answers, "a:1", samples.Caps(10), None)
    for metric, rows in part.rows.items():
        assert all(value - value == 0 for value in rows.values), metric


@given(st.text(alphabet="0123456789abcdef:@,- []<>failmasterslave\n", max_size=300))
def test_truncated_and_mangled_cluster_nodes(text: str) -> None:
    with suppress(ProtocolError):
        for member in read.parse_members(text, "a:1"):
            assert 0 <= member.slot_count <= SLOTS * len(member.slots)


ranges = st.tuples(st.integers(0, SLOTS - 1), st.integers(0, 3000)).map(
    lambda pair: (pair[0], min(pair[0] + pair[1], SLOTS - 1))
)


@given(st.lists(st.tuples(ranges, st.booleans()), max_size=12))
def test_uncovered_slots_against_brute_force(owned: list[tuple[tuple[int, int], bool]]) -> None:
    members = [
        Member(str(index), "h", 1, "", frozenset({"master"}), "", 0, (slots,)) for index, (slots, _) in enumerate(owned)
    ]
    failed = frozenset(str(index) for index, (_, dead) in enumerate(owned) if dead)
    served = {slot for (first, last), dead in owned if not dead for slot in range(first, last + 1)}
    gaps = topology.uncovered(members, failed)
    assert {slot for first, last in gaps for slot in range(first, last + 1)} == set(range(SLOTS)) - served
    assert topology.count_slots(gaps) == SLOTS - len(served)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(gaps)), "ranges are joined"


@given(st.dictionaries(st.integers(1, 2_000_000), st.integers(0, 10**9), max_size=15))
def test_a_dense_histogram_rises_and_keeps_what_was_said(said: dict[int, int]) -> None:
    rising = dict(zip(sorted(said), sorted(said.values()), strict=True))
    filled = commands.dense(sorted(rising.items()))
    counts = [count for _, count in filled]
    assert counts == sorted(counts)
    assert {bound: dict(filled)[float(bound)] for bound in rising} == rising
