"""Whether a secret can be seen: as it is, in a URL, in base64."""

from __future__ import annotations

import logging
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

from minizaps.credentials.credential import Credential

CANARY = "canary"


def canaries(credential: Credential) -> set[str]:
    """The secret texts of a credential, and the words in them that contain `canary`.

    Raises:
        AssertionError: no secret has such a word.
    """
    secrets = set(credential.secrets())
    words = {word for secret in secrets for word in re.findall(r"[\w-]+", secret)}
    found = {word for word in words if CANARY in word.lower()}
    if not found:
        raise AssertionError(
            f"the credential has no secret with the word {CANARY!r}: without one in each of its "
            "secrets, nothing is proved"
        )
    return found | secrets


def seen(secrets: Iterable[str], text: str) -> list[str]:
    """The ways in which one of the secrets can be read in a text."""
    return [
        way
        for secret in secrets
        for way, form in _forms(secret)
        if form in text or form.replace("+", "-").replace("/", "_") in text
    ]


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    yield "as it is", secret
    yield "URL-encoded", quote(secret, safe="")
    yield "URL-encoded", quote_plus(secret)
    for before in range(3):  # bytes that stand before it in what was encoded
        raw = bytes(before) + secret.encode()
        whole = b64encode(raw).decode()
        yield "in base64", whole[-(-before * 4 // 3) : len(raw) * 4 // 3]


@contextmanager
def logged() -> Iterator[list[str]]:
    """What is logged meanwhile, of any severity, by anyone."""
    lines: list[str] = []
    handler = _Lines(lines)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record) + repr(vars(record)))
