"""JSON from outside (RFC 8259), refused where it would be read differently by others."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

from minizaps.errors import JsonInvalid, Problem

DEEPEST = 64
_LARGEST = 2**64
_LONG_NUMBER = re.compile(rb"\d{19}")


def parse_json(raw: bytes | str) -> Any:
    """The value of a JSON text.

    Raises:
        JsonInvalid: no JSON; nested more than 64 deep; a number that is not finite or an integer
            beyond 64 bits; the character NUL or half a surrogate pair in a string.
    """
    data = raw.encode(errors="surrogatepass") if isinstance(raw, str) else raw
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise JsonInvalid(f"not acceptable JSON: {error}") from None
    if data.count(b"[") + data.count(b"{") > DEEPEST or b"\\u0000" in data:
        check_json(value)
    if _LONG_NUMBER.search(data):
        check_json(json.loads(data))
    return value


def parse_document(raw: bytes | str) -> Any:
    """As `parse_json`, and a key that an object has twice is refused too.

    Raises:
        JsonInvalid: as `parse_json`, or a repeated key.
    """
    value = parse_json(raw)
    json.loads(raw, object_pairs_hook=_refuse_repeated)
    return value


def check_json(value: Any, pointer: str = "", depth: int = 1) -> None:
    """Refuse what `parse_json` refuses, in a value."""
    if isinstance(value, str):
        if "\0" in value:
            raise JsonInvalid([Problem(pointer, "the character NUL is not allowed")])
    elif isinstance(value, int):
        if not -_LARGEST // 2 <= value < _LARGEST:
            raise JsonInvalid([Problem(pointer, "an integer has 64 bits at most: send it as text")])
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise JsonInvalid([Problem(pointer, "a number is finite")])
    elif isinstance(value, (dict, list)):
        if depth > DEEPEST:
            raise JsonInvalid([Problem(pointer, f"nested deeper than {DEEPEST} levels")])
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str):
                check_json(key, pointer, depth)
            check_json(item, join_pointer(pointer, key), depth + 1)


def join_pointer(pointer: str, part: str | int) -> str:
    """The JSON pointer (RFC 6901) of a part of what `pointer` names."""
    return f"{pointer}/{str(part).replace('~', '~0').replace('/', '~1')}"


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise JsonInvalid(f"the key {repeated!r} stands twice in one object")
    return value
