"""Ids (UUIDv7, RFC 9562) and secret tokens."""

from __future__ import annotations

import random
import secrets
import time

# Ids are no secrets; the system's generator would cost a system call an id.
_random = random.Random(secrets.token_bytes(32))


def uuid7(ms: int | None = None) -> str:
    """A new UUIDv7: ids sort by the millisecond in which they were made.

    Args:
        ms: milliseconds since 1970, the machine's clock if left out.
    """
    ms = time.time_ns() // 1_000_000 if ms is None else ms
    tail = _random.getrandbits(80)
    number = (
        (ms & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (tail >> 68) << 64
        | 0x2 << 62
        | tail & 0x3FFF_FFFF_FFFF_FFFF
    )
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def token() -> str:
    """An unguessable token: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)
