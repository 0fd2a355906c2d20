"""Parsing what Redis says; the texts are those of real servers, 7.0 and 6.2."""

from __future__ import annotations

import pytest

from stackledger.errors import ProtocolError
from stackledger.integrations.redis import answers as read

NODES = (
    "07c3 10.0.0.4:30004@31004,host4,shard-id=ab slave e7d1 0 1426238317239 4 connected\n"
    "e7d1 10.0.0.1:30001@31001,host1 myself,master - 0 0 1 connected 0-5460 [5461->-2938] [77-<-e7d2]\n"
    "2938 :0@0 master,noaddr - 1426238316232 0 2 disconnected 5461 5463-10922\n"
    "6ec2 fd00::7:30005@31005 slave,fail? 2938 0 1426238317741 5 connected\n"
)


def test_cluster_nodes() -> None:
    replica, me, lost, v6 = read.parse_members(NODES, "a:1")
    assert (replica.address, replica.hostname, replica.primary, replica.master) == (
        "10.0.0.4:30004",
        "host4",
        "e7d1",
        False,
    )
    assert me.slots == ((0, 5460),)
    assert (me.slot_count, me.migrating, me.importing, me.epoch) == (5461, 1, 1, 1)
    assert lost.slots == ((5461, 5461), (5463, 10922))
    assert "noaddr" in lost.flags
    assert v6.address == "[fd00::7]:30005"
    assert read.parse_members(NODES.replace(",host1 ", " "), "a:1")[1].hostname == ""


@pytest.mark.parametrize(
    "text",
    ["one two", "id 10.0.0.1:x@1 master - 0 0 1 connected", NODES.replace("0-5460", "0-99999"), NODES[:40], 7, None],
)
def test_cluster_nodes_that_cannot_be_understood(text: object) -> None:
    with pytest.raises(ProtocolError, match="a:1"):
        read.parse_members(text, "a:1")


@pytest.mark.parametrize("text", ["", "OK", "redis", None, ["INFO"], 1])
def test_something_else_than_info(text: object) -> None:
    with pytest.raises(ProtocolError, match="a:1"):
        read.parse_info(text, "a:1")


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("1.5", 1.5), ("-1", -1), ("ok", 1), ("fail", 0), ("up", 1), ("err", 0)]
    + [(text, None) for text in ("", "nan", "inf", "noeviction", "1.2M", None)],
)
def test_a_field_that_is_no_number_is_absent(text: str | None, value: float | None) -> None:
    assert read.number(text) == value


def test_the_slow_log_keeps_the_command_and_nothing_of_its_arguments() -> None:
    entries = [[14, 1309448221, 15, ["SET", "secret-key", "secret"], "127.0.0.1:1", ""], ["odd"], 7]
    (slow,) = read.parse_slow(entries)
    assert (slow.id, slow.seconds, slow.command) == (14, 15e-6, "set")
    assert "secret" not in repr(slow)


def test_latency_answers() -> None:
    assert read.parse_spikes([["command", 1405067976, 251, 1001], ["short"]]) == (("command", 1405067976, 0.251),)
    reply = ["set", ["calls", 3, "histogram_usec", [1, 2, 8, 3]], "odd", "reply"]
    assert read.parse_histograms(reply) == {"set": (3, ((1, 2), (8, 3)))}


def test_configuration() -> None:
    assert read.parse_config(["maxmemory", "0"], [], None, ["io-threads", "1"]) == {"maxmemory": "0", "io-threads": "1"}
