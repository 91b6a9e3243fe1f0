"""Filters that encode and hash."""

from __future__ import annotations

import base64 as encoding
import binascii
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from urllib.parse import urlencode as encode_query

from minizaps.definition.expressions.budget import Budget, Refused
from minizaps.definition.expressions.values import name_of, need_text, shown, text_of, utf8

_HASHES = ("sha256", "sha1", "md5", "sha512")


def urlencode(budget: Budget, value: Any) -> str:
    """The text for a place in a URL; an object as a query (a=1&b=2)."""
    if type(value) is dict:
        budget.items(len(value))
        pairs = {need_text(key): text_of(each, budget) for key, each in value.items()}
        size = sum(len(utf8(key)) + len(utf8(each)) + 2 for key, each in pairs.items())
        budget.text(size * 3)
        budget.spend(size)
        return encode_query(pairs, quote_via=quote, safe="")
    if type(value) is list:
        raise Refused(f"needs a string, a number or an object, not {name_of(value)}")
    data = utf8(text_of(value, budget))
    budget.text(len(data) * 3)
    budget.spend(len(data))
    return quote(data, safe="")


def base64(budget: Budget, value: Any) -> str:
    """The text's UTF-8 bytes in Base64."""
    data = utf8(need_text(value))
    budget.text(len(data) * 4 // 3 + 4)
    return encoding.b64encode(data).decode()


def base64_decode(budget: Budget, value: Any) -> str:
    """The text that Base64 stands for."""
    text = need_text(value)
    budget.text(len(text))
    try:
        return encoding.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refused("cannot read the text as Base64 of UTF-8 text") from None


def hash_(budget: Budget, value: Any, algorithm: Any = "sha256") -> str:
    """The hexadecimal digest of the text's UTF-8 bytes."""
    if algorithm not in _HASHES:
        raise Refused(f"needs one of {', '.join(_HASHES)} as algorithm, not {shown(algorithm)}")
    data = utf8(need_text(value))
    budget.text(len(data))
    budget.spend(len(data) >> 4)
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


FILTERS: dict[str, Callable[..., Any]] = {
    "urlencode": urlencode,
    "base64": base64,
    "base64_decode": base64_decode,
    "hash": hash_,
}
