"""Masking secrets in what is recorded, shown and logged."""

from __future__ import annotations

import html
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

MASK = "***"
SHORTEST = 4  # characters of a secret that can be told from other text
SHORTEST_ENCODED = 6


class Redactor:
    """Replaces some secrets by `***`: as they are, URL-encoded, as JSON, HTML or hexadecimal, and
    inside base64.

    Args:
        secrets: those of fewer than four characters cannot be told from other text, and stay.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)
        self._raw = [orjson.dumps(form)[1:-1] for form in self._forms]

    def text(self, text: str) -> str:
        """The text without the secrets."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def value(self, value: Any) -> Any:
        """A JSON value whose texts and names are without the secrets."""
        if not self._forms:
            return value
        raw = orjson.dumps(value)
        return self._walk(value) if any(form in raw for form in self._raw) else value

    def excerpt(self, value: Any) -> Any:
        """As `value`, of what was cut off somewhere: a secret's beginning at the end goes, too."""
        return self._walk(value, cut=True)

    def _walk(self, value: Any, *, cut: bool = False) -> Any:
        match value:
            case str():
                return self._without_tail(self.text(value)) if cut else self.text(value)
            case dict():
                return {self.text(k): self._walk(part, cut=cut) for k, part in value.items()}
            case list():
                return [self._walk(part, cut=cut) for part in value]
        return value

    def _without_tail(self, text: str) -> str:
        for form in self._forms:
            for size in range(min(len(form), len(text)), SHORTEST - 1, -1):
                if text.endswith(form[:size]):
                    return text[:-size] + MASK
        return text


NOTHING = Redactor()
_present: ContextVar[Redactor] = ContextVar("redactor", default=NOTHING)


@lru_cache(1024)
def redactor_of(secrets: tuple[str, ...]) -> Redactor:
    """The redactor of some secrets, made once."""
    return Redactor(secrets)


@contextmanager
def redacting(redactor: Redactor) -> Iterator[None]:
    """Keep secrets out of what is logged meanwhile."""
    token = _present.set(redactor)
    try:
        yield
    finally:
        _present.reset(token)


def redact_logged(line: str) -> str:
    """A text of the log, without the secrets of what is being done."""
    return _present.get().text(line)


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode()
    yield from (secret, repr(secret)[1:-1], repr(raw)[2:-1], raw.hex(), raw.hex().upper())
    yield from (html.escape(secret), html.escape(secret, quote=False))
    for only in (True, False):
        text = json.dumps(secret, ensure_ascii=only)[1:-1]
        yield from (text, text.replace("/", "\\/"), json.dumps(text)[1:-1])
        yield re.sub(r"\\u[0-9a-f]{4}", lambda e: "\\u" + e[0][2:].upper(), text)
    safes = (quote(secret, safe=safe) for safe in ("", "/", "!'()*~", "/:?@!$&'()*+,;=~"))
    for encoded in (*safes, quote_plus(secret)):
        yield from (encoded, re.sub("%..", lambda escape: escape[0].lower(), encoded))
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        yield from (f for f in _inside(raw, encode) if len(f) >= SHORTEST_ENCODED)


def _inside(raw: bytes, encode: Any) -> Iterator[str]:
    """What base64 makes of a text that stands inside another one, at each of three places.

    The characters at the ends depend on what stands beside it, and are left out.
    """
    for shift in range(3):
        encoded = encode(b"\0" * shift + raw).decode().rstrip("=")
        first = -(-8 * shift // 6)
        last = 8 * (shift + len(raw)) // 6
        yield encoded[first:last]
