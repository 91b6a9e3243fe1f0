"""What tells deliveries apart: a repeated one is answered with the run that it has already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from minizaps.api.hooks.body import MULTIPART
from minizaps.api.hooks.text import bad_request
from minizaps.definition.expressions import compile_template
from minizaps.definition.webhook_trigger import WebhookTriggerConfig
from minizaps.errors import ExpressionError, InvalidInput

LONGEST_KEY = 255
Headers = Mapping[str, str]
Identify = Callable[[Headers, Mapping[str, Any]], str | None]


def identity_of(config: WebhookTriggerConfig) -> Identify:
    """What finds a delivery's key in its headers and the context root `trigger`."""
    if config.dedupe is not None:
        return _expression(config.dedupe) if "{{" in config.dedupe else _header(config.dedupe)
    if config.secret is not None and isinstance(config.signature, str):
        return _OF_SCHEMES[config.signature]
    return _given


def checked(key: str | None) -> str | None:
    """The key; None where it is empty."""
    if key and len(key) > LONGEST_KEY:
        raise bad_request(f"the id of a delivery has {LONGEST_KEY} characters at most")
    return key or None


def digest(content: bytes, headers: Headers, body: Any) -> str:
    """What two deliveries of the same body have in common.

    A form's boundary is another each time. Stripe counts in the event how many endpoints it has
    still to reach.

    Args:
        content: the body, decompressed.
        body: the body as data.
    """
    if headers.get("content-type", "").lower().startswith(MULTIPART):
        content = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    elif "stripe-signature" in headers and isinstance(body, dict):
        event = {name: value for name, value in body.items() if name != "pending_webhooks"}
        content = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()


def _given(headers: Headers, trigger: Mapping[str, Any]) -> str | None:
    return headers.get("webhook-id") or headers.get("idempotency-key")


def _header(name: str) -> Identify:
    low = name.lower()
    return lambda headers, trigger: headers.get(low)


def _in_body(name: str, otherwise: str) -> Identify:
    """A field of the body; where it is not there, the signature, which is another each time."""

    def identify(headers: Headers, trigger: Mapping[str, Any]) -> str | None:
        body = trigger["body"]
        found = body.get(name) if isinstance(body, dict) else None
        return found if isinstance(found, str) else headers.get(otherwise)

    return identify


def _expression(source: str) -> Identify:
    template = compile_template(source)

    def identify(headers: Headers, trigger: Mapping[str, Any]) -> str | None:
        try:
            value = template.render({"trigger": trigger})
        except ExpressionError as error:
            raise InvalidInput(f"the trigger's dedupe fails on this call: {error}") from None
        if value is None:
            return None
        if isinstance(value, bool | dict | list):
            raise InvalidInput("the trigger's dedupe gives no text or number for this call")
        return str(value)

    return identify


_OF_SCHEMES: dict[str, Identify] = {
    "standard": _header("webhook-id"),
    "github": _header("x-github-delivery"),
    "stripe": _in_body("id", "stripe-signature"),
    "slack": _in_body("event_id", "x-slack-signature"),
}
