"""Tokens for Google's service accounts: a signed assertion for an access token (RFC 7523)."""

from __future__ import annotations

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from minizaps.connectors.outbound import HttpClient
from minizaps.credentials.oauth import Grant, ask_token
from minizaps.credentials.redact import Redactor
from minizaps.credentials.types import GoogleServiceAccount
from minizaps.errors import CredentialUnusable

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = 3600  # seconds that an assertion may be good for, as Google allows


async def for_account(http: HttpClient, account: GoogleServiceAccount, now: int) -> Grant:
    """A token of a service account.

    Args:
        now: milliseconds since 1970.

    Raises:
        CredentialUnusable: no token can be had.
    """
    key = orjson.loads(account.key.get_secret_value())
    issued = now // 1000
    claims = {
        "iss": key["client_email"],
        "scope": " ".join(account.scopes),
        "aud": key["token_uri"],
        "iat": issued,
        "exp": issued + LIFETIME,
    }
    if account.subject is not None:
        claims["sub"] = account.subject
    header = {"alg": "RS256", "typ": "JWT", "kid": key.get("private_key_id", "")}
    try:
        assertion = jwt.encode(header, claims, RSAKey.import_key(key["private_key"]))
    except (JoseError, ValueError) as error:
        raise CredentialUnusable(f"the key file's private key cannot sign: {error}") from None
    fields = {"grant_type": GRANT, "assertion": assertion}
    return await ask_token(http, key["token_uri"], fields, {}, Redactor([assertion]))
