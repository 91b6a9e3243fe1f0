"""What connectors make of a response: its body as a JSON value, its status as an error."""

from __future__ import annotations

import math
import re
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import responses
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import orjson

from minizaps.connectors.outbound import HttpResponse
from minizaps.errors import ConnectorError, CredentialRefused, ResponseRefused

MAX_NESTING = 64  # of a JSON response
EXCERPT = 2048  # bytes of a refused response that its error shows

Kind = Literal["auto", "json", "text", "file"]

_RETRYABLE = frozenset((408, 425, 429))
_TEXT = re.compile(
    r"text/.*|application/(x-www-form-urlencoded|xml|javascript|x-ndjson|yaml|.*\+(xml|yaml))"
)
_EXTENDED_NAME = re.compile(
    r"(?:^|;)\s*filename\*\s*=\s*(utf-8|iso-8859-1)'[^']*'([^;\s]+)", re.IGNORECASE
)
_NAME = re.compile(r"(?:^|;)\s*filename\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^;\s]+))", re.IGNORECASE)
_CHARSET = re.compile(
    r"(utf-?(8|16|32)([bl]e)?|us-ascii|latin-?1|iso-?8859-\d+|windows-125\d|cp125\d|koi8-[ru]"
    r"|shift_jis|euc-(jp|kr)|iso-2022-jp|gb2312|gbk|gb18030|big5)"
)


def read_body(response: HttpResponse, kind: Kind = "auto") -> dict[str, Any]:
    """The body as a JSON value: `{"body": value}`, with `"encoding"` beside it for base64.

    Args:
        kind: what it is read as, whatever the response says; `auto` goes by that.

    Raises:
        ResponseRefused: it should be JSON and is not, or it is nested too deeply.
    """
    content_type = response.headers.get("content-type", "")
    if kind == "file":
        return {"body": _file(response, content_type)}
    if not response.body:
        return {"body": None}
    media_type = content_type.partition(";")[0].strip().lower()
    if kind == "json" or (kind == "auto" and _is_json(media_type)):
        return {"body": _json(response.body)}
    if kind == "text" or _TEXT.fullmatch(media_type):
        return {"body": read_text(response.body, content_type)}
    if not media_type:
        try:
            return {"body": response.body.decode()}
        except UnicodeDecodeError:
            pass
    return {"body": b64encode(response.body).decode(), "encoding": "base64"}


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _file(response: HttpResponse, content_type: str) -> dict[str, Any]:
    return {
        "filename": file_name(response.headers.get("content-disposition", ""), response.url),
        "content_type": content_type or "application/octet-stream",
        "size": len(response.body),
        "content_base64": b64encode(response.body).decode(),
    }


def file_name(disposition: str, url: str) -> str | None:
    """The name that a `Content-Disposition` (RFC 6266) gives a file, else the URL; no path."""
    if found := _EXTENDED_NAME.search(disposition):
        name = unquote(found[2], encoding=found[1], errors="replace")
    elif found := _NAME.search(disposition):
        name = found[2] or re.sub(r"\\(.)", r"\1", found[1] or "")
    else:
        name = unquote(urlsplit(url).path, errors="replace")
    name = name.replace("\\", "/").rpartition("/")[2]
    name = re.sub(r"[\x00-\x1f\x7f]", "", name).strip()[:255]
    return name if name.strip(".") else None


def _json(body: bytes) -> Any:
    try:
        value = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as exc:
        raise ResponseRefused(f"the response should be JSON and is not: {exc}") from None
    if body.count(b"[") + body.count(b"{") > MAX_NESTING and _nesting(value) > MAX_NESTING:
        raise ResponseRefused(f"the response's JSON is nested more than {MAX_NESTING} levels deep")
    return value


def _nesting(value: Any) -> int:
    depth, level = 0, [value]
    while containers := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        level = [v for c in containers for v in (c.values() if isinstance(c, dict) else c)]
    return depth


def read_text(body: bytes, content_type: str) -> str:
    """The body in the charset that its type names, else in UTF-8; what is no text is replaced."""
    match = re.search(r"charset\s*=\s*[\"']?([\w-]+)", content_type, re.IGNORECASE)
    return decode(body, match[1] if match else "utf-8")


def decode(body: bytes, charset: str) -> str:
    """Text in a charset; in UTF-8 where it is not a known one."""
    name = charset.lower()
    # Python has codecs that are no charsets, and some of them are dangerous.
    return body.decode(name if _CHARSET.fullmatch(name) else "utf-8", "replace")


def status_error(
    response: HttpResponse, now: datetime, credential: object = None, reason: str = ""
) -> ConnectorError:
    """The error for a response whose status is not a success.

    Args:
        credential: what the request has shown, if anything: 401 says that it is not accepted.
        reason: what the service says about it, and what to do.
    """
    status = response.status
    phrase = f" {responses[status]}" if responses.get(status) else ""
    message = f"{urlsplit(response.url).netloc} answered {status}{phrase}"
    message = f"{message}: {reason}" if reason else message
    excerpt = read_text(response.body[:EXCERPT], response.headers.get("content-type", ""))
    details = {"status": status, "body": excerpt}
    if status == HTTPStatus.UNAUTHORIZED and credential is not None:
        return CredentialRefused(message, details=details)
    retryable = status in _RETRYABLE or status >= 500
    asked = parse_retry_after(response.headers.get("retry-after"), now) if retryable else None
    return ConnectorError(
        message, type="http_status", retryable=retryable, retry_after=asked, details=details
    )


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """The seconds that a `Retry-After` header asks for, or None if it says nothing readable."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,300}(\.[0-9]{1,20})?", value.strip()):
        seconds = float(value)
        return seconds if math.isfinite(seconds) else None
    try:
        time = parsedate_to_datetime(value)
        return max(0.0, (time.replace(tzinfo=time.tzinfo or UTC) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
