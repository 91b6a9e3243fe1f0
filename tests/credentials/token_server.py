"""A token server on loopback: OAuth 2.0 with PKCE and rotating refresh tokens, and Google's form.

It keeps the rules that Mini-Zaps relies on, and refuses what breaks them: a code works once and
only with its verifier, a refresh token works once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

CLIENT, SECRET = "client-1", "client secret /+ü"
ACCOUNT = "robot@project.iam.gserviceaccount.com"


@dataclass
class TokenServer:
    """What it was asked, and how it answers.

    Attributes:
        lifetime: seconds that a token is good for; None where it does not say.
        says: an error with which it answers everything.
        broken: a status with which it answers everything.
        hold: until it is set, no answer is given.
    """

    url: str = ""
    lifetime: float | None = 3600
    broken: int | None = None
    rotates: bool = True
    gives_refresh: bool = True
    says: str | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    refresh_tokens: set[str] = field(default_factory=set)
    codes: dict[str, str] = field(default_factory=dict)
    hold: asyncio.Event | None = None
    made: int = 0

    def __post_init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def agree(self, consent_url: str) -> dict[str, str]:
        """What a person's browser brings back, once they have agreed."""
        query = {k: v[0] for k, v in parse_qs(urlsplit(consent_url).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        self.made += 1
        code = f"code-{self.made}"
        self.codes[code] = query["code_challenge"]
        return {"code": code, "state": query["state"]}

    def account_key(self) -> str:
        """The key file of a service account."""
        private = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        token_uri = f"{self.url}/google"
        return json.dumps(
            {"client_email": ACCOUNT, "private_key": private, "token_uri": token_uri,
             "private_key_id": "key-1", "type": "service_account"}
        )  # fmt: skip

    async def token(self, request: web.Request) -> web.Response:
        fields = {k: str(v) for k, v in (await request.post()).items()}
        self.asked.append(fields)
        if self.hold is not None:
            await self.hold.wait()
        if self.broken is not None:
            return web.json_response({"error": "server_error"}, status=self.broken)
        if self.says is not None:
            return web.json_response({"error": self.says}, status=400)
        if not _is_client(request, fields):
            return web.json_response({"error": "invalid_client"}, status=401)
        match fields["grant_type"]:
            case "authorization_code":
                challenge = self.codes.pop(fields["code"], None)
                given = hashlib.sha256(fields["code_verifier"].encode()).digest()
                if challenge != urlsafe_b64encode(given).decode().rstrip("="):
                    return web.json_response({"error": "invalid_grant"}, status=400)
            case "refresh_token":
                if fields["refresh_token"] not in self.refresh_tokens:
                    said = {"error": "invalid_grant", "error_description": "Token revoked."}
                    return web.json_response(said, status=400)
                if self.rotates:
                    self.refresh_tokens.remove(fields["refresh_token"])
        return self._give(refresh=fields["grant_type"] != "client_credentials")

    async def google(self, request: web.Request) -> web.Response:
        fields = {k: str(v) for k, v in (await request.post()).items()}
        self.asked.append(fields)
        assert fields["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        claims: Mapping[str, Any] = jwt.decode(
            fields["assertion"],
            certs=public,
            audience=f"{self.url}/google",
            clock_skew_in_seconds=10**9,
        )
        assert claims["iss"] == ACCOUNT
        assert claims["exp"] - claims["iat"] <= 3600
        return self._give(refresh=False)

    async def api(self, request: web.Request) -> web.Response:
        """What the tokens are for."""
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return web.json_response({"seen": token}, status=200 if token in self.good else 401)

    def _give(self, *, refresh: bool) -> web.Response:
        self.made += 1
        said: dict[str, Any] = {"access_token": f"access-token-{self.made}", "token_type": "Bearer"}
        self.good = {said["access_token"]}
        if self.lifetime is not None:
            said["expires_in"] = self.lifetime
        if refresh and self.gives_refresh:
            said["refresh_token"] = f"refresh-token-{self.made}"
            self.refresh_tokens.add(said["refresh_token"])
        return web.json_response(said)


def _is_client(request: web.Request, fields: Mapping[str, str]) -> bool:
    scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        name, _, secret = b64decode(pair).decode().partition(":")
        return (unquote_plus(name), unquote_plus(secret)) == (CLIENT, SECRET)
    return (fields.get("client_id"), fields.get("client_secret")) == (CLIENT, SECRET)
