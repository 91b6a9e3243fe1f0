"""Signatures of inbound calls, over the raw body: Standard Webhooks (standardwebhooks.com,
specification 1.0), those of GitHub, Stripe and Slack as they document them, and plain HMAC."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from minizaps.credentials.types import Hmac
from minizaps.definition.webhook_trigger import TOLERANCE, HmacSignature

Headers = Mapping[str, str]
MOST_SIGNATURES = 20  # of one call that are looked at


@dataclass(frozen=True, slots=True)
class Claim:
    """What a call says of its signature.

    Attributes:
        message: the bytes that were signed.
        given: the signatures, as they are written; one of them has to be right.
        at: seconds since 1970 as text; None where the scheme signs no time.
    """

    message: bytes
    given: Sequence[str]
    at: str | None = None


class Scheme(Protocol):
    """A way of signing calls.

    Attributes:
        needs: the headers that a signed call has, for the one who forgot them.
    """

    needs: str

    def claim(self, headers: Headers, body: bytes) -> Claim | None:
        """What a call claims; None where it is not signed.

        Args:
            headers: by their names in lower case.
        """

    def sign(self, secret: Hmac, message: bytes) -> str:
        """The signature of a message, as this scheme writes it."""


class Standard:
    """Standard Webhooks."""

    needs = "webhook-id, webhook-timestamp and webhook-signature"

    def claim(self, headers: Headers, body: bytes) -> Claim | None:
        identity, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        given = headers.get("webhook-signature", "").split()
        if not identity or not given:
            return None
        return Claim(f"{identity}.{at}.".encode() + body, given, at)

    def sign(self, secret: Hmac, message: bytes) -> str:
        return "v1," + b64encode(hmac.digest(secret.key(), message, "sha256")).decode()


class GitHub:
    """As docs.github.com has it under "Validating webhook deliveries". It signs no time."""

    needs = "X-Hub-Signature-256"

    def claim(self, headers: Headers, body: bytes) -> Claim | None:
        given = headers.get("x-hub-signature-256")
        return Claim(body, [given]) if given else None

    def sign(self, secret: Hmac, message: bytes) -> str:
        return "sha256=" + hmac.digest(_text(secret), message, "sha256").hex()


class Stripe:
    """As docs.stripe.com has it under "Verify webhook signatures manually"."""

    needs = "Stripe-Signature with t= and v1="

    def claim(self, headers: Headers, body: bytes) -> Claim | None:
        parts = [part.strip() for part in headers.get("stripe-signature", "").split(",")]
        times = [part[2:] for part in parts if part.startswith("t=")]
        given = [part[3:] for part in parts if part.startswith("v1=")]
        if len(times) != 1 or not given:
            return None
        return Claim(f"{times[0]}.".encode() + body, given, times[0])

    def sign(self, secret: Hmac, message: bytes) -> str:
        return hmac.digest(_text(secret), message, "sha256").hex()


class Slack:
    """As docs.slack.dev has it under "Verifying requests from Slack"."""

    needs = "X-Slack-Signature and X-Slack-Request-Timestamp"

    def claim(self, headers: Headers, body: bytes) -> Claim | None:
        given, at = headers.get("x-slack-signature"), headers.get("x-slack-request-timestamp")
        if not given or not at:
            return None
        return Claim(f"v0:{at}:".encode() + body, [given], at)

    def sign(self, secret: Hmac, message: bytes) -> str:
        return "v0=" + hmac.digest(_text(secret), message, "sha256").hex()


class PlainHmac:
    """The HMAC of the raw body in a header of the author's choice. It signs no time."""

    def __init__(self, form: HmacSignature) -> None:
        self.needs = form.header
        self._header = form.header.lower()
        self._form = form

    def claim(self, headers: Headers, body: bytes) -> Claim | None:
        given = headers.get(self._header)
        return Claim(body, [given]) if given else None

    def sign(self, secret: Hmac, message: bytes) -> str:
        digest = hmac.digest(_text(secret), message, self._form.algorithm)
        written = digest.hex() if self._form.encoding == "hex" else b64encode(digest).decode()
        return self._form.prefix + written


STANDARD = Standard()
_SCHEMES: dict[str, Scheme] = {
    "standard": STANDARD, "github": GitHub(), "stripe": Stripe(), "slack": Slack()
}  # fmt: skip


def scheme_of(signature: str | HmacSignature) -> Scheme:
    """The scheme that a trigger's `signature` names."""
    return PlainHmac(signature) if isinstance(signature, HmacSignature) else _SCHEMES[signature]


def refusal(
    scheme: Scheme,
    secrets: Sequence[Hmac],
    headers: Headers,
    body: bytes,
    now: int,
    tolerance: float = TOLERANCE,
) -> str | None:
    """Why a call is refused; None where one of the secrets has signed it.

    Args:
        headers: by their names in lower case.
        body: the raw body.
        now: milliseconds since 1970.
        tolerance: seconds that the call's time may differ from ours.
    """
    claim = scheme.claim(headers, body)
    if claim is None:
        return f"the call is not signed: send {scheme.needs}"
    if claim.at is not None and not _is_near(claim.at, now, tolerance):
        return f"the time in {scheme.needs} is not within {tolerance:g} s of now"
    found = [
        hmac.compare_digest(right, given.encode())
        for right in [scheme.sign(secret, claim.message).encode() for secret in secrets]
        for given in claim.given[:MOST_SIGNATURES]
    ]
    return None if any(found) else f"the signature is wrong: send {scheme.needs} of these bytes"


def _is_near(at: str, now: int, tolerance: float) -> bool:
    return at.isascii() and at.isdigit() and abs(int(at[:12]) - now / 1000) <= tolerance


def _text(secret: Hmac) -> bytes:
    """The secret as these senders use it: the text itself, whatever it begins with."""
    return secret.secret.get_secret_value().encode()
