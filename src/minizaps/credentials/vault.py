"""The vault: credentials by their names, encrypted at rest, opened for who uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from minizaps.clock import Clock
from minizaps.credentials.credential import Credential
from minizaps.credentials.keyring import Keyring
from minizaps.credentials.references import Sources, is_reference
from minizaps.credentials.tokens import Tokens, first_state
from minizaps.credentials.types import GoogleServiceAccount, OAuth2
from minizaps.definition.problems import suggest, validation_problems
from minizaps.errors import (
    Conflict,
    CredentialRevoked,
    CredentialUnusable,
    InvalidInput,
    NotFound,
    Problem,
)
from minizaps.ids import uuid7
from minizaps.journal.credentials import Credentials
from minizaps.journal.records import SealedCredential

Fields = dict[str, Any]
Types = Mapping[str, type[Credential]]
REMEMBERED = 1000  # milliseconds that an opened credential is believed without another look
MOST_REMEMBERED = 1000
BATCH = 100


class Shown(NamedTuple):
    """What may be shown of a credential.

    Attributes:
        fields: those that are no secrets, and references to secrets elsewhere.
        secrets: the names of the secret fields that are set.
    """

    row: SealedCredential
    fields: Fields
    secrets: list[str]


class Resealed(NamedTuple):
    """What a rotation has done.

    Attributes:
        done: how many credentials are under the first key now.
        left: the names of those that could not be decrypted.
        keys: the ids of the keys that these need.
    """

    done: int
    left: list[str]
    keys: set[str]


class Vault:
    """Keeps and opens credentials.

    Args:
        types: the types of credentials, by their names.
    """

    def __init__(
        self,
        kept: Credentials,
        keyring: Keyring,
        sources: Sources,
        tokens: Tokens,
        types: Types,
        clock: Clock,
    ) -> None:
        self.types = types
        self._kept = kept
        self._keyring = keyring
        self._sources = sources
        self._tokens = tokens
        self._clock = clock
        self._opened: dict[tuple[str, str], tuple[Credential, int]] = {}

    async def open(self, project: str, name: str) -> Credential:
        """A credential, ready to be used; one that stands for a token is that `AccessToken`.

        Raises:
            CredentialUnusable: there is none of that name, or it cannot be opened; the message
                says why, and nothing of what is secret.
        """
        found, at = self._opened.get((project, name), (None, 0))
        if found is not None and 0 <= self._clock.now() - at < REMEMBERED:
            return found
        try:
            row = await self._kept.get(project, name)
        except NotFound as error:
            raise CredentialUnusable(str(error)) from None
        try:
            opened = await self._for_use(row, self.read(row))
        except CredentialUnusable as error:
            revoked = isinstance(error, CredentialRevoked)
            kind = CredentialRevoked if revoked else CredentialUnusable
            raise kind(f"the credential {name!r}: {error}", retryable=error.retryable) from error
        if len(self._opened) >= MOST_REMEMBERED:
            self._opened.clear()
        self._opened[project, name] = (opened, self._clock.now())
        return opened

    async def close(self) -> None:
        """Let what is being renewed be kept."""
        await self._tokens.close()

    def forget(self, project: str, name: str) -> None:
        """Open it anew at the next use."""
        self._opened.pop((project, name), None)

    async def renew(self, project: str, name: str, refused: Credential | None) -> bool:
        """After the other side has refused it: whether a new token may be had at the next try.

        Args:
            refused: what it was opened as.
        """
        self.forget(project, name)
        try:
            row = await self._kept.get(project, name)
            client = self.read(row)
        except (NotFound, CredentialUnusable):
            return False
        return refused is not None and await self._tokens.drop(row, client, refused)

    async def create(
        self, project: str, name: str, kind: str, fields: Fields, *, by: str
    ) -> SealedCredential:
        """Keep a new credential.

        Raises:
            InvalidInput: the type is not known, or the fields do not fit it.
            Conflict: the project has one of that name.
            SettingsInvalid: there is no key to encrypt it with.
        """
        if kind not in self.types:
            detail = f"unknown type {kind!r}" + (
                suggest(kind, self.types) or f": known are {', '.join(sorted(self.types))}"
            )
            raise InvalidInput([Problem("/type", detail)])
        state = first_state(self._check(kind, fields))
        credential_id = uuid7()
        sealed = self._keyring.seal(orjson.dumps(fields), credential_id)
        return await self._kept.add(
            credential_id, project, name, kind, sealed=sealed, state=state, by=by
        )

    async def revise(self, project: str, name: str, fields: Fields) -> SealedCredential:
        """Put new fields in the place of the old ones; a secret one that is left out stays.

        Raises:
            NotFound, InvalidInput, Conflict: there is none; the fields do not fit; another has
                changed it at the same moment.
        """
        row = await self._kept.get(project, name)
        secret = secret_fields(self._type(row))
        before = {k: v for k, v in self._fields(row).items() if k in secret and k not in fields}
        fields = {k: v for k, v in (before | fields).items() if v is not None}
        state = first_state(self._check(row.type, fields))
        sealed = self._keyring.seal(orjson.dumps(fields), row.id)
        if not await self._kept.revise(row, sealed, state):
            raise Conflict("the credential was changed by another at this moment: try again")
        self.forget(project, name)
        return await self._kept.get(project, name)

    async def delete(self, project: str, name: str) -> SealedCredential:
        """Delete a credential.

        Raises:
            NotFound: the project has none of that name.
        """
        row = await self._kept.get(project, name)
        await self._kept.delete(row.id)
        self.forget(project, name)
        return row

    def shown(self, row: SealedCredential) -> Shown:
        """What may be shown of a credential; if it cannot be decrypted, nothing but its row."""
        try:
            secret, fields = secret_fields(self._type(row)), self._fields(row)
        except CredentialUnusable as error:
            return Shown(replace(row, problem=str(error)), {}, [])
        public = {k: v for k, v in fields.items() if k not in secret or is_reference(v)}
        return Shown(row, public, sorted(secret & fields.keys()))

    async def get(self, project: str, name: str) -> SealedCredential:
        """The row of a credential.

        Raises:
            NotFound: the project has none of that name.
        """
        return await self._kept.get(project, name)

    async def page(self, project: str, *, after: str, limit: int) -> list[SealedCredential]:
        """A page of a project's credentials, by their names."""
        return await self._kept.page(project, after=after, limit=limit)

    async def problem(self, project: str, name: str, types: Sequence[str]) -> str | None:
        """Why a credential cannot be used where one of some types is wanted; None if it can."""
        try:
            row = await self._kept.get(project, name)
        except NotFound:
            wanted = " or ".join(types)
            return f"there is no credential {name!r}: create it first, of the type {wanted}"
        if row.type not in types:
            return f"the credential {name!r} is of the type {row.type}, not {' or '.join(types)}"
        return None

    async def reseal(self) -> Resealed:
        """Encrypt all credentials under the first key; those that cannot be decrypted stay."""
        self._keyring.reload()
        done, left, used, after = 0, list[str](), set[str](), ""
        while page := await self._kept.all(after=after, limit=BATCH):
            for row in page:
                try:
                    await self._reseal(row)
                    done += 1
                except CredentialUnusable:
                    left.append(row.name)
                    used.update(text.split(".")[1] for text in _texts(row) if text and "." in text)
            after = page[-1].id
        return Resealed(done, left, used)

    async def _reseal(self, row: SealedCredential | None) -> None:
        while row is not None:
            anew = (text and self._keyring.reseal(text, row.id) for text in _texts(row))
            if await self._kept.reseal(row, *anew):  # type: ignore[arg-type] # `sealed` is a text
                return
            row = await self._kept.by_id(row.id)

    async def _for_use(self, row: SealedCredential, credential: Credential) -> Credential:
        for path in credential.files():
            self._sources.check_file(path)
        if isinstance(credential, OAuth2):
            token = await self._tokens.of_client(row, credential)
            return token.model_copy(update={"test_url": credential.test_url})
        if isinstance(credential, GoogleServiceAccount):
            return await self._tokens.of_account(row, credential)
        return credential

    def read(self, row: SealedCredential) -> Credential:
        """A credential as it was written down, with its references resolved.

        Raises:
            CredentialUnusable: it cannot be decrypted, or does not fit its type.
        """
        fields = self._resolved(self._type(row), self._fields(row))
        try:
            return self._type(row).model_validate(fields)
        except ValidationError as error:
            problems = validation_problems(error, self._type(row), fields)
            raise CredentialUnusable("; ".join(map(str, problems))) from None

    def _resolved(self, model: type[Credential], fields: Fields) -> Fields:
        """The fields with the secrets that they refer to; others are what they are."""
        secret = secret_fields(model)
        return {k: self._sources.resolve(v) if k in secret else v for k, v in fields.items()}

    def _fields(self, row: SealedCredential) -> Fields:
        fields: Fields = orjson.loads(self._keyring.open(row.sealed, row.id))
        return fields

    def _type(self, row: SealedCredential) -> type[Credential]:
        try:
            return self.types[row.type]
        except KeyError:
            message = f"its type {row.type!r} is not known: is its connector installed?"
            raise CredentialUnusable(message) from None

    def _check(self, kind: str, fields: Fields) -> Credential:
        model = self.types[kind]
        try:
            resolved = self._resolved(model, fields)
            credential = model.model_validate(resolved)
            for path in credential.files():
                self._sources.check_file(path)
        except ValidationError as error:
            raise InvalidInput(validation_problems(error, model, fields, "/data")) from None
        except CredentialUnusable as error:
            raise InvalidInput([Problem("/data", str(error))]) from None
        return credential


def _texts(row: SealedCredential) -> tuple[str | None, ...]:
    return row.sealed, row.token, row.pending


@cache
def secret_fields(model: type[Credential]) -> frozenset[str]:
    """The names of the fields that hold secrets."""
    properties = model.model_json_schema().get("properties", {})
    marks = (b'"writeOnly":true', b'"$ref"')  # what lies elsewhere may hold one
    found = {name: orjson.dumps(field) for name, field in properties.items()}
    return frozenset(name for name, raw in found.items() if any(mark in raw for mark in marks))
