"""Compressed bodies (`Content-Encoding`), within the limit of bodies."""

from __future__ import annotations

import zlib

from minizaps.api.hooks.text import bad_request
from minizaps.api.problems import HttpProblem
from minizaps.errors import LimitExceeded

_EITHER = zlib.MAX_WBITS | 32  # gzip or zlib, by what it begins with
_KNOWN = ("gzip", "x-gzip", "deflate")


def decompress(raw: bytes, coding: str, limit: int) -> bytes:
    """The body without its `Content-Encoding`.

    Args:
        limit: the most bytes that it may have afterwards.

    Raises:
        LimitExceeded: it has more.
        HttpProblem: 415 for another coding than gzip and deflate, 400 for a broken one.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity") or not raw:
        return raw
    if coding not in _KNOWN:
        detail = f"send the body as it is, or with gzip or deflate, not {coding[:50]!r}"
        accepted = {"Accept-Encoding": "gzip, deflate"}
        raise HttpProblem(415, "Unsupported content coding", detail, accepted)
    stream = zlib.decompressobj(_EITHER)
    try:
        content = stream.decompress(raw, limit + 1)
    except zlib.error as error:
        raise bad_request(f"the body is not {coding}: {error}") from None
    if len(content) > limit:
        raise LimitExceeded(f"a request body has {limit} bytes at most", limit="body")
    if not stream.eof:
        raise bad_request(f"the body ends within its {coding} data")
    if stream.unused_data:
        raise bad_request(f"something stands behind the {coding} data of the body")
    return content
