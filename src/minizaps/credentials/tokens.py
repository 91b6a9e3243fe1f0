"""Tokens that credentials are given for a time: kept, and renewed by one process at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import orjson
from pydantic import SecretStr

from minizaps.clock import Clock
from minizaps.connectors.outbound import HttpClient
from minizaps.credentials import google, oauth
from minizaps.credentials.credential import AccessToken, Credential
from minizaps.credentials.keyring import Keyring
from minizaps.credentials.types import GoogleServiceAccount, OAuth2
from minizaps.errors import CredentialRevoked, CredentialUnusable, JournalUnavailable
from minizaps.journal.credentials import READY, REVOKED, UNCONNECTED, Credentials
from minizaps.journal.records import SealedCredential

EARLY = 60_000  # milliseconds before its end that a token is renewed, of one that lasts
LEASE = 60.0  # seconds, longer than a token server is waited for
LOOK_AGAIN = 0.1  # seconds, while another process renews the token
PATIENCE = 30.0  # seconds that another process is waited for
AGAIN = 0.5  # seconds between tries of a journal that takes no writes
CLOSING = 20.0  # seconds that renewals under way may take at the end


class Kept(NamedTuple):
    """A token as it is kept, encrypted."""

    token: str
    refresh_token: str | None

    def raw(self) -> bytes:
        return orjson.dumps(self._asdict())


class Tokens:
    """Gives access tokens. A new one is asked for under a lease on the credential's row, so that
    of all processes one does it: many servers take a refresh token once. Within a process those
    who want it wait for one renewal, which goes on where they give up."""

    def __init__(self, kept: Credentials, keyring: Keyring, http: HttpClient, clock: Clock) -> None:
        self._kept = kept
        self._keyring = keyring
        self._http = http
        self._clock = clock
        self._renewals: dict[str, asyncio.Task[AccessToken]] = {}
        self._accounts: dict[str, tuple[int, AccessToken, int]] = {}

    async def close(self) -> None:
        """Let the renewals under way end: what a server has given is to be kept."""
        if self._renewals:
            _, left = await asyncio.wait(self._renewals.values(), timeout=CLOSING)
            for task in left:
                task.cancel()

    async def of_account(self, row: SealedCredential, account: GoogleServiceAccount) -> AccessToken:
        """A token of a service account; each process asks for its own.

        Raises:
            CredentialUnusable: none can be had.
        """
        revision, token, until = self._accounts.get(row.id, (0, None, 0))
        if token is not None and revision == row.revision and self._clock.now() < until:
            return token
        return await self._shared(row.id, lambda: self._for_account(row, account))

    async def of_client(self, row: SealedCredential, client: OAuth2) -> AccessToken:
        """A token that was got by OAuth 2.0, renewed if need be.

        Raises:
            CredentialRevoked: a person has to agree again.
            CredentialUnusable: none can be had.
        """
        if (token := self._good(row)) is not None:
            return token
        return await self._shared(row.id, lambda: self._renewed(row, client))

    async def drop(self, row: SealedCredential, client: Credential, refused: Credential) -> bool:
        """A token was refused before its end.

        Returns:
            whether a new one may be had at the next try.
        """
        if not isinstance(refused, AccessToken):
            return False
        if isinstance(client, GoogleServiceAccount):
            if self._accounts.get(row.id, (0, None))[1] == refused:
                del self._accounts[row.id]
            return True
        kept = self._open(row)
        if kept is None or not isinstance(client, OAuth2):
            return False
        if kept.token != refused.token.get_secret_value():
            return True  # another has renewed it meanwhile
        if kept.refresh_token is None and client.grant == "authorization_code":
            return False  # there is nothing to ask with: it may still be good elsewhere
        await self._kept.expire(row)
        return True

    def sealed(
        self, row: SealedCredential, grant: oauth.Grant, before: str | None = None
    ) -> tuple[str, int | None]:
        """What is kept of a grant, encrypted, and when it is to be renewed, in milliseconds.

        Args:
            before: the refresh token that was asked with; it stays if there is no new one.
        """
        kept = Kept(grant.token, grant.refresh_token or before)
        return self._keyring.seal(kept.raw(), row.id), self._renewed_at(grant)

    async def _shared(
        self, credential_id: str, renew: Callable[[], Coroutine[Any, Any, AccessToken]]
    ) -> AccessToken:
        task = self._renewals.get(credential_id)
        if task is None:
            task = self._renewals[credential_id] = asyncio.create_task(renew())
            task.add_done_callback(lambda done: self._over(credential_id, done))
        return await asyncio.shield(task)

    def _over(self, credential_id: str, done: asyncio.Task[AccessToken]) -> None:
        del self._renewals[credential_id]
        if not done.cancelled():
            done.exception()  # whoever waits for it is told

    async def _for_account(
        self, row: SealedCredential, account: GoogleServiceAccount
    ) -> AccessToken:
        grant = await google.for_account(self._http, account, self._clock.now())
        token = AccessToken(token=SecretStr(grant.token))
        until = self._renewed_at(grant) or self._clock.now() + google.LIFETIME * 1000 - EARLY
        self._accounts[row.id] = (row.revision, token, until)
        return token

    async def _renewed(self, row: SealedCredential, client: OAuth2) -> AccessToken:
        waited_until = time.monotonic() + PATIENCE
        while True:
            present = await self._kept.by_id(row.id)
            if present is None:
                raise CredentialUnusable("it was deleted")
            if (token := self._good(present)) is not None:
                return token
            if present.state == REVOKED:
                raise CredentialRevoked(f"{present.problem}: {how_to_connect(present.name)}")
            if (lease := await self._kept.lease(present, LEASE)) is not None:
                return await self._renew(present, client, lease)
            if time.monotonic() > waited_until:
                message = f"another process has been renewing its token for {PATIENCE:g} s"
                raise CredentialUnusable(message, retryable=True)
            await asyncio.sleep(LOOK_AGAIN)

    async def _renew(self, row: SealedCredential, client: OAuth2, lease: str) -> AccessToken:
        before = self._open(row)
        try:
            self._keyring.check()
            grant = await self._ask(row, client, before)
        except CredentialRevoked as error:
            await self._kept.mark(row.id, lease, REVOKED, str(error))
            raise CredentialRevoked(f"{error}: {how_to_connect(row.name)}") from error
        except CredentialUnusable as error:
            await self._kept.mark(row.id, lease, row.state, str(error))
            raise
        sealed = self.sealed(row, grant, before and before.refresh_token)
        # The server may have made the old refresh token void: the new one is kept at any price.
        while True:
            try:
                await self._kept.keep_token(row.id, lease, *sealed)
            except JournalUnavailable:
                await asyncio.sleep(AGAIN)
            else:
                return AccessToken(token=SecretStr(grant.token))

    async def _ask(self, row: SealedCredential, client: OAuth2, kept: Kept | None) -> oauth.Grant:
        if client.grant == "client_credentials":
            try:
                return await oauth.for_client(self._http, client)
            except CredentialRevoked as error:  # there is nobody who could agree again
                raise CredentialUnusable(str(error)) from error
        if kept is None:
            raise CredentialUnusable(f"nobody has agreed yet: {how_to_connect(row.name)}")
        if kept.refresh_token is None:
            raise CredentialRevoked("its token is over, and the server gave none to renew it with")
        return await oauth.refresh(self._http, client, kept.refresh_token)

    def _renewed_at(self, grant: oauth.Grant) -> int | None:
        if grant.expires_in is None:
            return None
        lasts = int(grant.expires_in * 1000)
        return self._clock.now() + lasts - min(EARLY, lasts // 10)

    def _good(self, row: SealedCredential) -> AccessToken | None:
        """Its token, if it can still be used."""
        over = row.expires_at is not None and row.expires_at <= self._clock.now()
        if over or row.state != READY or (kept := self._open(row)) is None:
            return None
        return AccessToken(token=SecretStr(kept.token))

    def _open(self, row: SealedCredential) -> Kept | None:
        if row.token is None:
            return None
        return Kept(**orjson.loads(self._keyring.open(row.token, row.id)))


def first_state(credential: object) -> str:
    """The state of a credential that was just written down."""
    asks = isinstance(credential, OAuth2) and credential.grant == "authorization_code"
    return UNCONNECTED if asks else READY


def how_to_connect(name: str) -> str:
    return f"connect it with `minizaps credentials connect {name}`"
