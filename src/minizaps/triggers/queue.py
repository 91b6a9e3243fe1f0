"""What a message of a queue gives a run."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

import orjson

from minizaps.connectors.delivery import Delivery
from minizaps.definition.strict_json import check_json, parse_json
from minizaps.errors import InvalidInput, JsonInvalid


def payload(delivery: Delivery, written: str, largest: int) -> Any:
    """The value of `trigger.body`.

    Args:
        written: `json`, `text`, `base64`; or `auto`: as the content type says, and without one
            JSON if it is that, else text.
        largest: bytes that the body may have, and bytes of JSON that the headers may have.

    Raises:
        InvalidInput: it is too large, or not what it says to be.
    """
    body = delivery.body
    if body is None:
        raise InvalidInput("it was removed from the stream before it was taken")
    _check_size(len(orjson.dumps(delivery.headers)), largest)
    if isinstance(body, dict):
        _check_size(len(orjson.dumps(body)), largest)
        check_json(body)
        return body
    _check_size(len(body), largest)
    kind = _form(delivery, body) if written == "auto" else written
    if kind == "json":
        return parse_json(body)
    return _text(body) if kind == "text" else b64encode(body).decode()


def sender_key(delivery: Delivery) -> str | None:
    """What is the same for the same message however often it comes; None if nothing is.

    Two messages with one id and different bodies are two: some senders give all the same id.
    """
    if delivery.id is None:
        return None
    body = delivery.body
    told = body if isinstance(body, bytes) else orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(delivery.id.encode() + b"\0" + told, digest_size=24).hexdigest()


def _check_size(size: int, largest: int) -> None:
    if size > largest:
        raise InvalidInput(f"it has {size} bytes, {largest} are allowed at most")


def _form(delivery: Delivery, body: bytes) -> str:
    kind = (delivery.content_type or "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return "json"
    if kind.startswith("text/"):
        return "text"
    if kind:
        return "base64"
    try:
        parse_json(body)
    except JsonInvalid:
        return "text" if _is_text(body) else "base64"
    return "json"


def _is_text(body: bytes) -> bool:
    try:
        return "\0" not in body.decode()
    except UnicodeDecodeError:
        return False


def _text(body: bytes) -> str:
    if not _is_text(body):
        raise InvalidInput("it is no text in UTF-8")
    return body.decode()
