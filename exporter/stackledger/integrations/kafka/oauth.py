"""Tokens for OAUTHBEARER: from a file or the environment, or from a token endpoint. Owns their renewal."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx

from stackledger.clock import Clock
from stackledger.errors import AuthError, ConnectError
from stackledger.integrations.kafka.config import OAuthClient, Sasl

_SECONDS: Final = 5.0
_RENEW_AT: Final = 0.8
"""Share of a token's life after which a new one is fetched, so that none expires on its way."""
_ERROR_LENGTH: Final = 60


def token_source(sasl: Sasl, clock: Clock) -> Callable[[], Awaitable[str]]:
    """What gives a token whenever a connection logs in."""
    if sasl.client is not None:
        return TokenEndpoint(sasl.client, clock)
    secret = sasl.token

    async def read() -> str:
        return secret.read() if secret is not None else ""

    return read


def fetch_token(client: OAuthClient) -> tuple[str, float]:
    """A token and its life in seconds (0: not stated), for a thread that may wait. Errors as in `TokenEndpoint`."""
    try:
        with httpx.Client(timeout=_SECONDS, verify=_trusting(client), trust_env=False) as http:
            return _token(client, http.post(client.token_url, data=_form(client), auth=_login(client)))
    except (httpx.HTTPError, OSError) as error:
        raise _unreachable(client, error) from error


class TokenEndpoint:
    """Asks for a token when there is none that is fresh; several connections at once ask once."""

    def __init__(self, client: OAuthClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._asking = asyncio.Lock()
        self._token = ""
        self._fresh_until = 0.0

    async def __call__(self) -> str:
        """The token. AuthError where the endpoint refuses us, ConnectError where it cannot be reached."""
        async with self._asking:
            asked = self._clock.monotonic()
            if not self._token or asked >= self._fresh_until:
                self._token, life = await self._fetch()
                self._fresh_until = asked + life * _RENEW_AT
            return self._token

    async def _fetch(self) -> tuple[str, float]:
        client = self._client
        try:
            async with httpx.AsyncClient(timeout=_SECONDS, verify=_trusting(client), trust_env=False) as http:
                return _token(client, await http.post(client.token_url, data=_form(client), auth=_login(client)))
        except (httpx.HTTPError, OSError) as error:
            raise _unreachable(client, error) from error


def _trusting(client: OAuthClient) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=client.ca_file)


def _form(client: OAuthClient) -> dict[str, str]:
    return {"grant_type": "client_credentials", **({"scope": client.scope} if client.scope else {})}


def _login(client: OAuthClient) -> httpx.BasicAuth:
    return httpx.BasicAuth(client.client_id, client.client_secret.read())


def _unreachable(client: OAuthClient, error: Exception) -> ConnectError:
    return ConnectError(
        f"the token endpoint {client.token_url} cannot be reached ({str(error) or type(error).__name__})"
    )


def _token(client: OAuthClient, response: httpx.Response) -> tuple[str, float]:
    answer = _json(response)
    if response.is_server_error:
        raise ConnectError(f"the token endpoint {client.token_url} has trouble of its own: {response.status_code}")
    if not response.is_success:
        said = str(answer.get("error", response.reason_phrase))[:_ERROR_LENGTH]
        raise AuthError(
            f"the token endpoint {client.token_url} refuses client {client.client_id!r}: {response.status_code} {said};"
            " check client_id, client_secret and scope"
        )
    token, life = answer.get("access_token"), answer.get("expires_in", 0)
    if not isinstance(token, str) or not token:
        raise AuthError(f"{client.token_url} gave no access_token: is it a token endpoint?")
    return token, float(life) if isinstance(life, int | float) else 0.0


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
