"""Signatures are those that the senders publish, and nothing else passes."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode

import pytest
from pydantic import SecretStr

from minizaps.credentials.types import Hmac
from minizaps.definition.webhook_trigger import HmacSignature
from minizaps.triggers.signature import refusal, scheme_of

SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
    b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
    b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
    b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
# What each sender publishes: its scheme, the secret, the time, the headers and the body.
PUBLISHED = {
    "standard webhooks, specification": (
        "standard", "whsec_plJ3nmyCDGBKInavdOK15jsl", 1731705121,
        {"webhook-id": "msg_loFOjxBNrRLzqYUf", "webhook-timestamp": "1731705121",
         "webhook-signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="},
        b'{"event_type":"ping","data":{"success":true}}',
    ),
    "standard webhooks, svix": (
        "standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330,
        {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
         "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        b'{"test": 2432232314}',
    ),
    "github": (
        "github", "It's a Secret to Everybody", 0,
        {"x-hub-signature-256":
         "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        b"Hello, World!",
    ),
    "slack": (
        "slack", "8f742231b10e8888abcd99yyyzzz85a5", 1531420618,
        {"x-slack-request-timestamp": "1531420618", "x-slack-signature":
         "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
        SLACK_BODY,
    ),
}  # fmt: skip


def secret(text: str) -> Hmac:
    return Hmac(secret=SecretStr(text))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_signature_is_right(name: str) -> None:
    signature, key, at, headers, body = PUBLISHED[name]
    assert refusal(scheme_of(signature), [secret(key)], headers, body, at * 1000) is None


@pytest.mark.parametrize("name", PUBLISHED)
def test_one_other_byte_is_refused(name: str) -> None:
    signature, key, at, headers, body = PUBLISHED[name]
    scheme, now = scheme_of(signature), at * 1000
    said = refusal(scheme, [secret(key)], headers, body + b" ", now)
    assert said == f"the signature is wrong: send {scheme.needs} of these bytes"
    assert refusal(scheme, [secret("other")], headers, body, now) == said


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_header_is_needed(name: str) -> None:
    signature, key, at, headers, body = PUBLISHED[name]
    scheme = scheme_of(signature)
    for missing in headers:
        rest = {k: v for k, v in headers.items() if k != missing}
        said = refusal(scheme, [secret(key)], rest, body, at * 1000) or ""
        assert scheme.needs in said
        assert key not in said


@pytest.mark.parametrize("name", [n for n, (s, *_) in PUBLISHED.items() if s != "github"])
def test_a_time_is_near_or_refused(name: str) -> None:
    signature, key, at, headers, body = PUBLISHED[name]
    for seconds, near in ((-300, True), (300, True), (-301, False), (301, False)):
        now = (at + seconds) * 1000
        said = refusal(scheme_of(signature), [secret(key)], headers, body, now)
        assert (said is None) is near
        assert near or "not within 300 s of now" in str(said)
    assert refusal(scheme_of(signature), [secret(key)], headers, body, now, 301) is None


@pytest.mark.parametrize("at", ["", "x", "-1", "1e9", "٣", "9" * 5000, "1531420618 "])
def test_a_time_is_digits(at: str) -> None:
    headers = {"webhook-id": "m", "webhook-timestamp": at, "webhook-signature": "v1,x"}
    said = refusal(scheme_of("standard"), [secret("s")], headers, b"", 1531420618000)
    assert "not within" in str(said)


def test_any_of_several_secrets_may_have_signed() -> None:
    signature, key, at, headers, body = PUBLISHED["slack"]
    several = [secret("new"), secret(key)]
    assert refusal(scheme_of(signature), several, headers, body, at * 1000) is None


def stripe(*parts: str) -> dict[str, str]:
    return {"stripe-signature": ",".join(parts)}


def test_stripe_signs_the_time_and_the_body_with_the_secrets_own_text() -> None:
    key, body = "whsec_5f6d7a8b9c0d1e2f3a4b5c6d7e8f9a0b", b'{"id": "evt_1"}'
    right = hmac.new(key.encode(), b"1700000000." + body, hashlib.sha256).hexdigest()
    now = 1_700_000_000_000

    def said(*parts: str) -> str | None:
        return refusal(scheme_of("stripe"), [secret(key)], stripe(*parts), body, now)

    assert said("t=1700000000", f"v1={right}") is None
    assert said("t=1700000000", "v1=old", f"v1={right}", "v0=test") is None
    assert "wrong" in str(said("t=1700000000", "v1=old"))
    assert "not signed" in str(said("t=1700000000", f"v0={right}"))
    assert "not signed" in str(said(f"v1={right}"))
    assert "not signed" in str(said("t=1700000000", "t=1700000001", f"v1={right}"))


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_plain_hmac_is_written_as_the_trigger_says(algorithm: str, encoding: str) -> None:
    form = HmacSignature(header="X-Shop", algorithm=algorithm, encoding=encoding, prefix="p=")  # type: ignore[arg-type]
    digest = hmac.new(b"key", b"body", algorithm).digest()
    written = digest.hex() if encoding == "hex" else b64encode(digest).decode()

    def said(value: str) -> str | None:
        return refusal(scheme_of(form), [secret("key")], {"x-shop": value}, b"body", 0)

    assert said("p=" + written) is None
    assert "wrong" in str(said(written))
    assert "not signed: send X-Shop" in str(said(""))
