"""The mechanisms against the published examples and against servers that cheat."""

from __future__ import annotations

import asyncio
import base64

import pytest

from stackledger.errors import AuthError
from stackledger.integrations.kafka.wire.sasl import OAuthBearer, Plain, Scram, ScramExchange

CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def rfc_7677() -> ScramExchange:
    return ScramExchange(Scram("user", "pencil", "SCRAM-SHA-256"), nonce=CLIENT_NONCE)


def test_scram_sha_256_follows_the_example_of_rfc_7677() -> None:
    exchange = rfc_7677()
    assert exchange.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    assert exchange.respond(SERVER_FIRST) == CLIENT_FINAL
    assert exchange.respond(SERVER_FINAL) is None


def test_scram_sha_512_makes_a_longer_proof() -> None:
    exchange = ScramExchange(Scram("user", "pencil"), nonce=CLIENT_NONCE)
    answer = exchange.respond(SERVER_FIRST)
    assert answer is not None
    assert len(base64.b64decode(answer.split(b",p=")[1])) == 64


def test_a_name_with_separators_is_escaped() -> None:
    exchange = ScramExchange(Scram("a=b,c", "x"), nonce="n")
    assert exchange.first() == b"n,,n=a=3Db=2Cc,r=n"


@pytest.mark.parametrize(
    ("challenge", "says"),
    [
        (b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "nonce"),
        (b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "nonce"),
        (b"", "nonce"),
        (SERVER_FIRST.replace(b"i=4096", b"i=1"), "iterations"),
        (SERVER_FIRST.replace(b"i=4096", b"i=2147483647"), "iterations"),
        (SERVER_FIRST.replace(b"i=4096", b"i=" + b"9" * 5000), "iterations"),
        (SERVER_FIRST.replace(b"i=4096", b"i=many"), "iterations"),
        (SERVER_FIRST.replace(b"s=W22Z", b"s=?"), "base64"),
        (b"e=unknown-user", "unknown-user"),
        (b"\xff\xfe", "text"),
    ],
)
def test_a_scram_server_that_cheats_is_refused(challenge: bytes, says: str) -> None:
    with pytest.raises(AuthError, match=says) as refused:
        rfc_7677().respond(challenge)
    assert "pencil" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("final", [b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", b"v=", b"", b"e=invalid-proof"])
def test_a_server_that_does_not_know_the_password_is_not_trusted(final: bytes) -> None:
    exchange = rfc_7677()
    exchange.respond(SERVER_FIRST)
    with pytest.raises(AuthError):
        exchange.respond(final)


def test_plain_is_one_message() -> None:
    message, exchange = asyncio.run(Plain("user", "pa ss").start())
    assert message == b"\0user\0pa ss"
    assert exchange.respond(b"") is None


def oauth(token: str, **options: object) -> OAuthBearer:
    async def source() -> str:
        return token

    return OAuthBearer(source, **options)  # type: ignore[arg-type]


def test_oauthbearer_carries_token_and_extensions_and_acknowledges_a_refusal() -> None:
    message, exchange = asyncio.run(oauth("abc\n", extensions=(("cluster", "c1"),)).start())
    assert message == b"n,,\x01auth=Bearer abc\x01cluster=c1\x01\x01"
    assert exchange.respond(b"") is None
    assert exchange.respond(b'{"status":"invalid_token"}') == b"\x01"


@pytest.mark.parametrize("token", ["", " ", "a\x01b", "ä"])
def test_a_token_that_cannot_be_sent_is_said_without_showing_it(token: str) -> None:
    with pytest.raises(AuthError, match="token source") as refused:
        asyncio.run(oauth(token).start())
    assert token.strip() == "" or token not in str(refused.value)


def test_no_secret_in_a_repr() -> None:
    for credentials in (Plain("u", "s3cret"), Scram("u", "s3cret"), oauth("s3cret")):
        assert "s3cret" not in repr(credentials)
