"""Tokens that credentials are given for a time: kept, and renewed by one process at a time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import NamedTuple

import orjson
from pydantic import SecretStr

from minizaps.clock import Clock
from minizaps.connectors.outbound import HttpClient
from minizaps.credentials import google, oauth
from minizaps.credentials.credential import AccessToken
from minizaps.credentials.keyring import Keyring
from minizaps.credentials.types import GoogleServiceAccount, OAuth2
from minizaps.errors import CredentialRevoked, CredentialUnusable
from minizaps.journal.credentials import READY, REVOKED, UNCONNECTED, Credentials
from minizaps.journal.records import SealedCredential

EARLY = 60_000  # milliseconds before its end that a token is renewed
LEASE = 60.0  # seconds, longer than a token server is waited for
LOOK_AGAIN = 0.1  # seconds, while another process renews the token
PATIENCE = 30.0  # seconds


class Kept(NamedTuple):
    """A token as it is kept, encrypted."""

    token: str
    refresh_token: str | None

    def raw(self) -> bytes:
        return orjson.dumps(self._asdict())


class Tokens:
    """Gives access tokens. A new one is asked for under a lease on the credential's row, so that
    of all processes one does it: many servers take a refresh token once."""

    def __init__(self, kept: Credentials, keyring: Keyring, http: HttpClient, clock: Clock) -> None:
        self._kept = kept
        self._keyring = keyring
        self._http = http
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._accounts: dict[str, tuple[int, AccessToken, float]] = {}

    async def of_account(self, row: SealedCredential, account: GoogleServiceAccount) -> AccessToken:
        """A token of a service account; each process asks for its own.

        Raises:
            CredentialUnusable: none can be had.
        """
        async with self._locks[row.id]:
            revision, token, until = self._accounts.get(row.id, (0, None, 0.0))
            now = self._clock.now()
            if token is None or revision != row.revision or until <= now + EARLY:
                grant = await google.for_account(self._http, account, now)
                token = AccessToken(token=SecretStr(grant.token))
                until = now + (grant.expires_in or google.LIFETIME) * 1000
                self._accounts[row.id] = (row.revision, token, until)
            return token

    async def of_client(self, row: SealedCredential, client: OAuth2) -> AccessToken:
        """A token that was got by OAuth 2.0, renewed if need be.

        Raises:
            CredentialRevoked: a person has to agree again.
            CredentialUnusable: none can be had.
        """
        if (token := self._good(row)) is not None:
            return token
        async with self._locks[row.id]:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._renewed(row, client)
            except TimeoutError:
                message = f"another process has been renewing its token for {PATIENCE:g} s"
                raise CredentialUnusable(message, retryable=True) from None

    async def drop(self, row: SealedCredential) -> None:
        """Its token is not accepted any more: the next one who asks gets a new one."""
        self._accounts.pop(row.id, None)
        if row.token is not None:
            await self._kept.expire(row)

    async def keep(
        self, row: SealedCredential, lease: str, grant: oauth.Grant, before: str | None = None
    ) -> bool:
        """Keep what a token server has given; False if the lease is over.

        Args:
            before: the refresh token that was asked with; it stays if there is no new one.
        """
        kept = Kept(grant.token, grant.refresh_token or before)
        seconds = grant.expires_in
        until = None if seconds is None else self._clock.now() + int(seconds * 1000)
        sealed = self._keyring.seal(kept.raw(), row.id)
        return await self._kept.keep_token(row.id, lease, sealed, until)

    async def _renewed(self, row: SealedCredential, client: OAuth2) -> AccessToken:
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
            await asyncio.sleep(LOOK_AGAIN)

    async def _renew(self, row: SealedCredential, client: OAuth2, lease: str) -> AccessToken:
        try:
            grant = await self._ask(row, client)
        except CredentialRevoked as error:
            await self._kept.mark(row.id, lease, REVOKED, str(error))
            raise CredentialRevoked(f"{error}: {how_to_connect(row.name)}") from error
        except CredentialUnusable as error:
            await self._kept.mark(row.id, lease, row.state, str(error))
            raise
        before = self._open(row)
        await self.keep(row, lease, grant, before and before.refresh_token)
        return AccessToken(token=SecretStr(grant.token))

    async def _ask(self, row: SealedCredential, client: OAuth2) -> oauth.Grant:
        if client.grant == "client_credentials":
            return await oauth.for_client(self._http, client)
        kept = self._open(row)
        if kept is None:
            raise CredentialUnusable(f"nobody has agreed yet: {how_to_connect(row.name)}")
        if kept.refresh_token is None:
            raise CredentialRevoked("its token is over, and the server gave none to renew it with")
        return await oauth.refresh(self._http, client, kept.refresh_token)

    def _good(self, row: SealedCredential) -> AccessToken | None:
        """Its token, if it can still be used."""
        over = row.expires_at is not None and row.expires_at <= self._clock.now() + EARLY
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
