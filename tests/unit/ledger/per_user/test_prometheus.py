"""The client that asks Prometheus for the number of users: what it refuses, and that no secret is told."""

from __future__ import annotations

import pytest

from stackledger.errors import UnreachableError
from stackledger.ledger.per_user.prometheus import Prometheus


def test_a_token_that_no_header_can_carry_is_told_and_not_repeated() -> None:
    with pytest.raises(UnreachableError, match="a character that no header can carry") as told:
        Prometheus("http://127.0.0.1:9", "\ufeffsecret").value("mau", 0.0)
    assert "secret" not in str(told.value)
    assert (told.value.__cause__, told.value.__suppress_context__) == (None, True)
