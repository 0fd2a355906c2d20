"""The stand-ins for Slack, PagerDuty and mail: what the real services take is kept, what they refuse is refused."""

from __future__ import annotations

import json
import smtplib
from email.message import EmailMessage
from typing import Any

import httpx
import pytest

from lab import ports
from lab.process import ServerFailedError
from lab.receiver import Receiver, Service

EVENT: dict[str, Any] = {
    "routing_key": "R" * 32,
    "event_action": "trigger",
    "dedup_key": "k1",
    "payload": {"summary": "Redis shard has no replica", "source": "redis", "severity": "critical"},
}


def refusal(receiver: Receiver, **changes: Any) -> list[str]:
    event = {key: value for key, value in (EVENT | changes).items() if value is not None}
    answer = httpx.post(receiver.pagerduty_url, json=event)
    assert answer.status_code == 400
    assert answer.json()["status"] == "invalid event"
    return list(answer.json()["errors"])


def test_pagerduty_takes_a_good_event_and_names_its_key(receiver: Receiver) -> None:
    answer = httpx.post(receiver.pagerduty_url, json=EVENT)
    assert (answer.status_code, answer.json()["dedup_key"]) == (202, "k1")
    event = {key: value for key, value in EVENT.items() if key != "dedup_key"}
    assert len(httpx.post(receiver.pagerduty_url, json=event).json()["dedup_key"]) == 32
    assert [message.service for message in receiver.messages] == [Service.PAGERDUTY] * 2


def test_pagerduty_refuses_malformed_events(receiver: Receiver) -> None:
    assert refusal(receiver, routing_key=None) == ["'routing_key' is missing or blank"]
    assert "event_action" in refusal(receiver, event_action="open")[0]
    assert refusal(receiver, event_action="resolve", dedup_key=None) == ["'dedup_key' is missing or blank"]
    assert "severity" in refusal(receiver, payload=EVENT["payload"] | {"severity": "page"})[0]
    assert "1024" in refusal(receiver, payload=EVENT["payload"] | {"summary": "x" * 1025})[0]
    assert len(refusal(receiver, routing_key="", payload={})) == 4
    assert httpx.post(receiver.pagerduty_url, content=b"{").status_code == 400
    assert httpx.post(receiver.pagerduty_url, content=b"[]").status_code == 400
    assert receiver.messages == []


def test_slack_takes_text_and_refuses_what_slack_refuses(receiver: Receiver) -> None:
    assert httpx.post(receiver.slack_url, json={"attachments": [{"title": "lag"}]}).text == "ok"
    empty, broken = httpx.post(receiver.slack_url, json={"channel": "#x"}), httpx.post(receiver.slack_url, content=b"{")
    assert (empty.status_code, empty.text) == (400, "no_text")
    assert (broken.status_code, broken.text) == (400, "invalid_payload")
    assert [message.service for message in receiver.messages] == [Service.SLACK]


def test_mail_is_kept_as_it_was_written(receiver: Receiver, tmp_path) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Größe", "a@example.org", "b@example.org"
    mail.set_content("first\n.second starts with a dot\n")
    mail.add_alternative("<p>html</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", receiver.smtp_port) as client:
        client.send_message(mail)
        client.rset()
        client.send_message(mail, to_addrs=["c@example.org", "d@example.org"])
    first, second = receiver.messages
    assert (first.content["subject"], first.to, second.to) == ("Größe", "b@example.org", "c@example.org, d@example.org")
    assert first.content["text"].replace("\r", "") == "first\n.second starts with a dot\n"
    assert first.mentions("<p>html</p>")
    lines = (tmp_path / "received.jsonl").read_text().splitlines()
    assert [json.loads(line)["to"] for line in lines] == [first.to, second.to]


def test_mail_out_of_order_or_without_login_is_refused() -> None:
    with Receiver(login=("bot", "pw")) as receiver, smtplib.SMTP("127.0.0.1", receiver.smtp_port) as client:
        assert client.docmd("MAIL", "FROM:<a@b>")[0] == 503
        client.ehlo()
        assert client.docmd("MAIL", "FROM:<a@b>")[0] == 530
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("bot", "wrong")
        client.login("bot", "pw")
        assert client.docmd("RCPT", "TO:<a@b>")[0] == 503
        assert client.docmd("DATA")[0] == 503
        assert client.docmd("MAIL", "a@b")[0] == 501
        assert client.docmd("EXPN", "x")[0] == 502
        assert receiver.messages == []
        client.user, client.password = "bot", "pw"
        assert client.auth("LOGIN", client.auth_login)[0] == 235


def test_waiting_finds_messages_past_and_to_come_and_says_when_none_came(receiver: Receiver) -> None:
    httpx.post(receiver.slack_url, json={"text": "one"})
    assert receiver.wait_for(lambda message: message.mentions("one"), timeout=0).service == Service.SLACK
    with pytest.raises(ServerFailedError, match="1 others"):
        receiver.wait_for(lambda message: message.mentions("two"), timeout=0.1)


def test_the_ports_are_free_afterwards() -> None:
    with Receiver() as receiver:
        held = [receiver.http_port, receiver.smtp_port]
        assert all(map(ports.is_listening, held))
    assert all(map(ports.is_free, held))
