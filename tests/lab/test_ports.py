"""Port reservations: below 32768, never handed out twice, not even to another process."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from lab import ports


def test_a_reserved_port_is_given_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with ports.reserve(1) as held:
        (port,) = held.ports
        # Both look at this port alone, so that only the lock can keep them from it.
        monkeypatch.setattr(ports, "_candidates", lambda highest: iter([port]))
        with pytest.raises(ports.NoFreePortError):
            ports.reserve(1)
        code = f"from lab import ports; ports._candidates = lambda h: iter([{port}]); ports.reserve(1)"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "NoFreePortError" in other.stderr
    with ports.reserve(1) as again:
        assert again.ports == [port]


def test_a_port_in_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with ports.reserve(2) as held:
        taken, free = held.ports
    with socket.create_server(("127.0.0.1", taken)):
        monkeypatch.setattr(ports, "_candidates", lambda highest: iter([taken, free]))
        with ports.reserve(1) as chosen:
            assert chosen.ports == [free]


def test_redis_ports_leave_room_for_the_bus() -> None:
    with ports.reserve(200, companion=ports.REDIS_BUS_OFFSET) as held:
        assert len(set(held.ports)) == 200
        assert max(held.ports) + ports.REDIS_BUS_OFFSET <= ports.HIGHEST < 32_768
        bus = {port + ports.REDIS_BUS_OFFSET for port in held.ports}
        assert not bus & set(held.ports)
        with ports.reserve(200, companion=ports.REDIS_BUS_OFFSET) as others:
            assert not set(others.ports) & (bus | set(held.ports))
