"""Signatures of inbound calls: Standard Webhooks (standardwebhooks.com, specification 1.0)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

TOLERANCE = 300  # seconds that a signature's time may differ from ours


def refusal(secret: bytes, headers: Mapping[str, str], body: bytes, now: int) -> str | None:
    """Why a signed call is refused; None where its signature is right.

    Args:
        headers: by their names in lower case: `webhook-id`, `webhook-timestamp`,
            `webhook-signature`.
        body: the raw body.
        now: milliseconds since 1970.
    """
    identity, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split()
    if not identity or not given:
        return "the call is not signed: send webhook-id, webhook-timestamp and webhook-signature"
    if not at.isascii() or not at.isdigit() or abs(int(at[:12]) - now / 1000) > TOLERANCE:
        return f"webhook-timestamp is not within {TOLERANCE} s of now"
    signed = f"{identity}.{at}.".encode() + body
    right = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest())
    found = [hmac.compare_digest(f"v1,{right.decode()}".encode(), s.encode()) for s in given]
    return None if any(found) else "the signature is wrong"
