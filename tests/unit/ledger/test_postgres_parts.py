"""Parts of the PostgreSQL engine that need no server."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackledger.ledger.buckets import BUCKETS
from stackledger.ledger.engines.postgres.connection import translated
from stackledger.ledger.engines.postgres.copying import binary, integers, texts
from stackledger.ledger.engines.sums import quarter_sums
from stackledger.ledger.rows import QUARTER_US, Rows
from stackledger.money import LARGEST


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT ? WHERE a = ?", "SELECT %s WHERE a = %s"),
        ("SELECT 'a?b%', \"c?\" -- d? %\n, ? % 2", "SELECT 'a?b%%', \"c?\" -- d? %%\n, %s %% 2"),
        ("SELECT 'it''s ?' /* ? \n % */ || ?", "SELECT 'it''s ?' /* ? \n %% */ || %s"),
    ],
)
def test_placeholders(query: str, wanted: str) -> None:
    assert translated(query) == wanted


def test_arrays() -> None:
    assert texts([]) == "{}"
    assert texts(["", "a,b", "NULL"]) == '{"","a,b","NULL"}'
    assert texts(['a"b', "c\\d"]) == '{"a\\"b","c\\\\d"}'
    assert integers([1, -2]) == "{1,-2}"


def test_binary_rows() -> None:
    data = binary(["é", ""], [(4, np.array([1, -1])), (8, np.array([2**40, 0]))])
    one = b"\0\3" + b"\0\0\0\4\0\0\0\1" + b"\0\0\0\x08" + (2**40).to_bytes(8, "big") + b"\0\0\0\2" + "é".encode()
    two = b"\0\3" + b"\0\0\0\4\xff\xff\xff\xff" + b"\0\0\0\x08" + bytes(8) + bytes(4)
    assert data == b"PGCOPY\n\xff\r\n\0" + bytes(8) + one + two + b"\xff\xff"


_row = st.tuples(
    st.integers(-2, 3),
    st.integers(1, 3),
    st.one_of(st.none(), st.integers(0, 5), st.integers(LARGEST - 5, LARGEST)),
    st.integers(0, 2**40),
)


@given(st.lists(_row, max_size=30))
@settings(max_examples=60, deadline=None)
def test_sums_are_those_of_the_rows_without_any_limit(chosen: list[tuple[int, int, int | None, int]]) -> None:
    number = len(chosen)
    usage = np.zeros((number, len(BUCKETS)), np.int64)
    usage[:, 2] = [used for *_, used in chosen]
    zeros = np.zeros(number, np.int64)
    rows = Rows(
        ids=[str(n) for n in range(number)],
        ts=np.array([quarter * QUARTER_US + 7 for quarter, *_ in chosen], np.int64),
        context=np.array([context for _, context, *_ in chosen], np.int64),
        person=zeros,
        source=zeros,
        rate=zeros,
        cost=np.array([cost or 0 for _, _, cost, _ in chosen], np.int64),
        priced=np.array([cost is not None for _, _, cost, _ in chosen], np.bool_),
        batch=zeros,
        usage=usage,
    )
    wanted: dict[tuple[int, int], list[int]] = {}
    for quarter, context, cost, used in chosen:
        entry = wanted.setdefault((quarter, context), [0, 0, 0, 0])
        for place, value in enumerate((1, int(cost is None), cost or 0, used)):
            entry[place] += value
    found = {(one[0], one[1]): [one[2], one[3], one[4], one[7]] for one in quarter_sums(rows)}
    assert found == wanted
