"""A hook's body as data: JSON, a form, text, or any bytes."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

from python_multipart.multipart import parse_options_header

from minizaps.api.hooks.multipart import parse_multipart
from minizaps.api.hooks.text import declared_encoding, decode, fields_of
from minizaps.api.problems import HttpProblem
from minizaps.definition.strict_json import parse_json

MULTIPART = "multipart/form-data"
_BOM = b"\xef\xbb\xbf"
_MEDIA_TYPE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def parse_body(content: bytes, content_type: str) -> Any:
    """The body as data; None where there is none.

    JSON is its value, a form an object of its fields, text and XML are text. Anything else is an
    object with `content_base64`, `content_type` and `size`.

    Args:
        content: the body, decompressed.
        content_type: the header; a body without one is read as JSON.

    Raises:
        JsonInvalid, HttpProblem: it is not what its type says; 415 for a type that is none.
    """
    if not content:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    if not kind or kind == "application/json" or kind.endswith("+json"):
        charset = _charset(content_type) if ";" in content_type else ""
        if charset and charset.lower() not in ("utf-8", "utf8"):
            content = decode(content, charset).encode()
        return parse_json(content.removeprefix(_BOM))
    if not _MEDIA_TYPE.fullmatch(kind):
        detail = "the Content-Type is not TYPE/SUBTYPE, such as application/json"
        raise HttpProblem(415, "Unsupported media type", detail)
    if kind == MULTIPART:
        return parse_multipart(content, content_type)
    if kind == "application/x-www-form-urlencoded":
        charset = _charset(content_type)
        return fields_of(decode(content, charset or "utf-8"), charset or "utf-8")
    if kind in ("application/xml", "text/xml") or kind.endswith("+xml"):
        return decode(content, _charset(content_type) or declared_encoding(content))
    if kind.startswith("text/"):
        return decode(content, _charset(content_type) or "utf-8")
    return {
        "content_type": kind,
        "size": len(content),
        "content_base64": b64encode(content).decode(),
    }


def _charset(content_type: str) -> str:
    _, options = parse_options_header(content_type)
    return options.get(b"charset", b"").decode("latin-1").strip("'")
