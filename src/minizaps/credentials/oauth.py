"""Tokens from OAuth 2.0 servers (RFC 6749), with PKCE (RFC 7636)."""

from __future__ import annotations

import hashlib
import math
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson
from yarl import URL

from minizaps.connectors.outbound import HttpClient, HttpResponse
from minizaps.credentials.redact import Redactor
from minizaps.credentials.types import OAuth2
from minizaps.errors import ConnectorError, CredentialRevoked, CredentialUnusable
from minizaps.ids import token as random_token

LONGEST = 10 * 365 * 86400.0  # seconds
PATIENCE = 15.0  # seconds for a token server's answer
# What says that the consent itself is gone, not only that something is wrong at the moment.
_GONE = frozenset(("invalid_grant", "access_denied", "bad_refresh_token"))
_LATER = frozenset((HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS))
_SAID = 300  # characters of what the server says that are shown


class Grant(NamedTuple):
    """What a token server gives.

    Attributes:
        expires_in: seconds for which the token is good, if it says so.
        refresh_token: what the next token is asked with; None where it stays the one before.
    """

    token: str
    expires_in: float | None
    refresh_token: str | None


class Challenge(NamedTuple):
    """What binds a consent to whoever asked for it (PKCE)."""

    verifier: str
    challenge: str


def new_challenge() -> Challenge:
    """A new verifier with its challenge, by the method S256."""
    verifier = random_token()
    digest = hashlib.sha256(verifier.encode()).digest()
    return Challenge(verifier, urlsafe_b64encode(digest).decode().rstrip("="))


def consent_url(oauth: OAuth2, redirect_uri: str, state: str, challenge: str) -> str:
    """The address where a person agrees."""
    query = {
        "response_type": "code",
        "client_id": oauth.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if oauth.scopes:
        query["scope"] = " ".join(oauth.scopes)
    return str(URL(oauth.authorize_url or "").update_query(oauth.parameters | query))


async def exchange(
    http: HttpClient, oauth: OAuth2, code: str, redirect_uri: str, verifier: str
) -> Grant:
    """The first token, for the code that a person's consent gave."""
    fields = {"code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
    return await _ask(http, oauth, {"grant_type": "authorization_code", **fields})


async def refresh(http: HttpClient, oauth: OAuth2, refresh_token: str) -> Grant:
    """The next token.

    Raises:
        CredentialRevoked: the consent is gone.
        CredentialUnusable: no token can be had.
    """
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return await _ask(http, oauth, fields)


async def for_client(http: HttpClient, oauth: OAuth2) -> Grant:
    """A token for the client itself (client credentials)."""
    fields = {"grant_type": "client_credentials"}
    if oauth.scopes:
        fields["scope"] = " ".join(oauth.scopes)
    return await _ask(http, oauth, fields)


async def _ask(http: HttpClient, oauth: OAuth2, fields: dict[str, str]) -> Grant:
    secret = oauth.client_secret.get_secret_value() if oauth.client_secret else None
    headers = {}
    if secret is None or oauth.client_auth == "body":
        fields = {**fields, "client_id": oauth.client_id}
        if secret is not None:
            fields["client_secret"] = secret
    else:
        pair = f"{quote_plus(oauth.client_id)}:{quote_plus(secret)}".encode()
        headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
    hidden = [*oauth.secrets(), *(fields.get(n, "") for n in ("refresh_token", "code"))]
    return await ask_token(http, oauth.token_url, fields, headers, Redactor(hidden))


async def ask_token(
    http: HttpClient,
    url: str,
    fields: Mapping[str, str],
    headers: Mapping[str, str],
    redactor: Redactor,
) -> Grant:
    """Ask a token server.

    Args:
        redactor: of what is not to be shown, if the server repeats it.

    Raises:
        CredentialRevoked: it says that the consent is gone.
        CredentialUnusable: it gives no token.
    """
    sent = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode(fields).encode()
    try:
        response = await http.request(
            "POST", url, headers=sent | dict(headers), body=body, timeout=PATIENCE, max_redirects=0
        )
    except ConnectorError as error:
        message = f"no token could be had: {error}"
        raise CredentialUnusable(message, retryable=error.retryable) from error
    return _grant(response, redactor)


def _grant(response: HttpResponse, redactor: Redactor) -> Grant:
    where = urlsplit(response.url).netloc
    try:
        said: Any = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        said = None
    said = said if isinstance(said, dict) else {}
    # Some servers answer 200 with an error.
    if response.status == HTTPStatus.OK and "error" not in said:
        if isinstance(token := said.get("access_token"), str) and token:
            again = said.get("refresh_token")
            again = again if isinstance(again, str) and again else None
            return Grant(token, _seconds(said.get("expires_in")), again)
        raise CredentialUnusable(f"no token could be had: {where} answered without one")
    reason = redactor.text(_reason(said) or f"status {response.status}")[:_SAID]
    if said.get("error") in _GONE:
        raise CredentialRevoked(f"{where} gives no more tokens: {reason}")
    later = response.status >= 500 or response.status in _LATER
    raise CredentialUnusable(f"no token could be had: {where} says {reason}", retryable=later)


def _reason(said: Mapping[str, Any]) -> str:
    parts = (said.get("error"), said.get("error_description"))
    text = ": ".join(part for part in parts if isinstance(part, str) and part)
    return "".join(character for character in text if character.isprintable())


def _seconds(value: Any) -> float | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST) if math.isfinite(seconds) else None
