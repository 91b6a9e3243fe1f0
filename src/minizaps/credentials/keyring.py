"""Encryption of what is kept: AES-256-GCM, a data key for each text, sealed by a secret key.

The secret key's id stands before the ciphertext, so that a text says which key opens it; that id
and what the text belongs to are authenticated with it (associated data), so that no text can be
put in another's place.
"""

from __future__ import annotations

import binascii
import hashlib
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from minizaps.errors import CredentialUnusable, SettingsInvalid

KEY_BYTES = 32
NONCE_BYTES = 12
FORM = "v1"
HOW = "make one with: openssl rand -base64 32"
FILE = "secret.key"
NO_KEY = (
    "there is no secret key to encrypt credentials with: set MINIZAPS_SECRET_KEY to the same value "
    f"for all processes; {HOW}"
)


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A key that seals data keys.

    Attributes:
        id: tells it from others, and tells nothing of it.
    """

    id: str
    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> SecretKey:
        """The key of its text: 32 bytes in base64.

        Raises:
            ValueError: it is not that.
        """
        try:
            key = b64decode(text.strip(), validate=True)
        except binascii.Error:
            raise ValueError(f"a secret key is base64: {HOW}") from None
        if len(key) != KEY_BYTES:
            raise ValueError(f"a secret key has {KEY_BYTES} bytes, not {len(key)}: {HOW}")
        return cls(hashlib.sha256(b"minizaps key id" + key).hexdigest()[:8], key)

    @classmethod
    def new(cls) -> SecretKey:
        """A new random key."""
        return cls.parse(b64encode(os.urandom(KEY_BYTES)).decode())

    @property
    def text(self) -> str:
        """The key as it is written down."""
        return b64encode(self.key).decode()


class Keyring:
    """The secret keys of an installation; the first one seals, all of them open.

    Args:
        read: gives the keys, the first one first; asked again when a text needs another key, since
            another process may have rotated them.
    """

    def __init__(self, read: Callable[[], Sequence[SecretKey]]) -> None:
        self._read = read
        self._keys = tuple(read())

    @property
    def primary(self) -> SecretKey:
        """The key that seals.

        Raises:
            SettingsInvalid: there is none.
        """
        if not self._keys:
            raise SettingsInvalid(NO_KEY)
        return self._keys[0]

    def check(self) -> None:
        """Make sure that something can be sealed.

        Raises:
            CredentialUnusable: there is no key.
        """
        if not self._keys:
            raise CredentialUnusable(NO_KEY, retryable=True)

    def reload(self) -> None:
        """Read the keys again."""
        self._keys = tuple(self._read())

    def seal(self, text: bytes, owner: str) -> str:
        """Encrypt a text that belongs to `owner`, under the key that is the first one now."""
        with suppress(SettingsInvalid):  # the file cannot be read now: those it had are good
            self.reload()
        data_key = AESGCM.generate_key(KEY_BYTES * 8)
        return self._join(data_key, _encrypt(data_key, text, owner), owner)

    def open(self, sealed: str, owner: str) -> bytes:
        """The text that was sealed for `owner`.

        Raises:
            CredentialUnusable: its key is not there, or it is not as it was sealed.
        """
        data_key, ciphertext = self._data_key(sealed, owner)
        return _decrypt(data_key, ciphertext, owner)

    def reseal(self, sealed: str, owner: str) -> str:
        """The same text under the first key; only its data key is sealed anew."""
        data_key, ciphertext = self._data_key(sealed, owner)
        return self._join(data_key, ciphertext, owner)

    def _join(self, data_key: bytes, ciphertext: bytes, owner: str) -> str:
        primary = self.primary
        wrapped = _encrypt(primary.key, data_key, f"{primary.id}:{owner}")
        return ".".join((FORM, primary.id, _text(wrapped), _text(ciphertext)))

    def _data_key(self, sealed: str, owner: str) -> tuple[bytes, bytes]:
        try:
            form, key_id, wrapped, ciphertext = sealed.split(".")
        except ValueError:
            raise CredentialUnusable("it is not as it was encrypted") from None
        if form != FORM:
            raise CredentialUnusable(f"it was encrypted in a form {form!r} that is not known here")
        key = self._find(key_id)
        if key is None:
            with suppress(SettingsInvalid):
                self.reload()
            key = self._find(key_id)
        if key is None:
            raise CredentialUnusable(
                f"it was encrypted with the secret key {key_id}, which this process does not have: "
                "add that key to MINIZAPS_SECRET_KEY or to the key file",
                retryable=True,  # during a rotation, until this process has the new key
            )
        return _decrypt(key.key, b64decode(wrapped), f"{key_id}:{owner}"), b64decode(ciphertext)

    def _find(self, key_id: str) -> SecretKey | None:
        return next((key for key in self._keys if key.id == key_id), None)


def read_keys(text: str) -> list[SecretKey]:
    """The keys of a text: one a line or between commas, the first one seals."""
    return [SecretKey.parse(part) for part in text.replace(",", "\n").split("\n") if part.strip()]


def read_key_file(path: Path) -> list[SecretKey]:
    """The keys of a file.

    Raises:
        SettingsInvalid: it cannot be read, or holds no key.
    """
    try:
        keys = read_keys(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"the key file {path}: {error}") from None
    if not keys:
        raise SettingsInvalid(f"the key file {path} holds no key: {HOW}")
    return keys


def write_key_file(path: Path, keys: Sequence[SecretKey]) -> None:
    """Write keys to a file that only its owner reads, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("".join(f"{key.text}\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _encrypt(key: bytes, text: bytes, owner: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, owner.encode())


def _decrypt(key: bytes, sealed: bytes, owner: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], owner.encode())
    except InvalidTag:
        raise CredentialUnusable("it is not as it was encrypted") from None


def _text(data: bytes) -> str:
    return b64encode(data).decode()
