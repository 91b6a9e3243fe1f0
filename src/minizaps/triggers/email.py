"""What tells mails from each other, and when a mailbox that failed is tried again."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

FIRST_DELAY = 5.0  # seconds after a failure; each further one in a row doubles it
LONGEST_DELAY = 300.0


def identity(mail: dict[str, Any]) -> str:
    """A hash that a mail keeps when it is moved, or gets another UID.

    A `Message-ID` alone is not enough: some senders give all mails the same one.
    """
    told = [mail[name] for name in ("message_id", "date", "from", "subject")]
    if mail["message_id"] is None:
        told.append(mail["text"])
    return hashlib.blake2b(orjson.dumps(told), digest_size=16).hexdigest()


def retry_at(failures: int, now: int) -> int:
    """When to try again after so many failures in a row, in milliseconds."""
    delay = min(FIRST_DELAY * 2.0 ** min(failures - 1, 20), LONGEST_DELAY)
    return now + round(delay * 1000)
