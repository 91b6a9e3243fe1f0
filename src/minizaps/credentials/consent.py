"""A person's consent to an `oauth2` credential: asked for in their browser, taken once."""

from __future__ import annotations

import hmac
from typing import NamedTuple

import orjson

from minizaps.clock import Clock
from minizaps.connectors.outbound import HttpClient
from minizaps.credentials.keyring import Keyring
from minizaps.credentials.oauth import consent_url, exchange, new_challenge
from minizaps.credentials.tokens import Tokens
from minizaps.credentials.types import OAuth2
from minizaps.credentials.vault import Vault
from minizaps.errors import Conflict, CredentialUnusable
from minizaps.ids import token
from minizaps.journal.credentials import Credentials
from minizaps.journal.records import SealedCredential

PATIENCE = 600_000  # milliseconds that a person may take
PATH = "/oauth/callback"


class Asked(NamedTuple):
    """Where a person agrees, and until when, in milliseconds."""

    url: str
    until: int


class Consents:
    """Asks people for their consent, and keeps the token that it gives.

    Args:
        base_url: the URL under which others reach the API; the token server sends people back
            there.
    """

    def __init__(
        self,
        vault: Vault,
        kept: Credentials,
        keyring: Keyring,
        tokens: Tokens,
        http: HttpClient,
        clock: Clock,
        base_url: str,
    ) -> None:
        self.redirect_uri = base_url + PATH
        self._vault = vault
        self._kept = kept
        self._keyring = keyring
        self._tokens = tokens
        self._http = http
        self._clock = clock

    async def ask(self, project: str, name: str) -> Asked:
        """Ask for a consent; a question that was open before is closed.

        Raises:
            NotFound, Conflict: there is no such credential; it needs no consent.
            CredentialUnusable: it cannot be decrypted.
        """
        row = await self._vault.get(project, name)
        client = self._client(row)
        challenge, until = new_challenge(), self._clock.now() + PATIENCE
        state = f"{row.id}.{token()}"
        question = {"state": state, "verifier": challenge.verifier, "until": until}
        await self._kept.ask_consent(row.id, self._keyring.seal(orjson.dumps(question), row.id))
        return Asked(consent_url(client, self.redirect_uri, state, challenge.challenge), until)

    async def take(self, state: str, code: str) -> SealedCredential:
        """Take the code that a person's consent gave, for a token.

        Raises:
            Conflict: nobody asked with this state, or it was taken, or it is too late.
            CredentialUnusable: the token server gives no token.
        """
        row = await self._kept.by_id(state.partition(".")[0])
        verifier = None if row is None else self._verifier(row, state)
        taken = row and verifier and await self._kept.take_consent(row)
        if row is None or verifier is None or not taken:
            raise Conflict("this link was used already, or is too old: ask for a new one")
        try:
            redirect = self.redirect_uri
            grant = await exchange(self._http, self._client(row), code, redirect, verifier)
        except CredentialUnusable as error:
            await self._kept.note(row.id, str(error))
            raise
        await self._kept.put_token(row.id, *self._tokens.sealed(row, grant))
        self._vault.forget(row.project, row.name)
        return row

    async def refuse(self, state: str, reason: str) -> None:
        """Note that the person, or the server, said no."""
        row = await self._kept.by_id(state.partition(".")[0])
        asked = row is not None and self._verifier(row, state) is not None
        if row is not None and asked and await self._kept.take_consent(row):
            await self._kept.note(row.id, f"the consent was refused: {reason}")

    def _verifier(self, row: SealedCredential, state: str) -> str | None:
        """The verifier of the open question, if that is what is answered in time."""
        if row.pending is None:
            return None
        question = orjson.loads(self._keyring.open(row.pending, row.id))
        in_time = self._clock.now() < question["until"]
        right = hmac.compare_digest(question["state"].encode(), state.encode())
        return question["verifier"] if in_time and right else None

    def _client(self, row: SealedCredential) -> OAuth2:
        client = self._vault.read(row)
        if not isinstance(client, OAuth2) or client.grant != "authorization_code":
            raise Conflict(f"the credential {row.name!r} needs nobody's consent")
        return client
