"""What a request may look like, and what a redirect makes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from yarl import URL

from minizaps.errors import ConnectorError, ResponseRefused

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_IN_URL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NOT_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
# These frame the message: a request that sets them could be read as two.
_OURS = frozenset(
    (
        *("connection", "content-length", "expect", "host", "keep-alive"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    )
)
# What another origin gets after a redirect: any other header may be a key.
_ELSEWHERE = frozenset(
    ("accept", "accept-language", "content-type", "idempotency-key", "user-agent")
)

QueryValue = str | int | float | Sequence[str | int | float]


def bad_request(message: str) -> ConnectorError:
    return ConnectorError(message, type="bad_request")


def check_method(method: str) -> str:
    """The method in upper case, if it is one."""
    if not _TOKEN.fullmatch(method):
        raise bad_request(f"{method!r} is not an HTTP method")
    return method.upper()


def parse_url(url: str, query: Mapping[str, QueryValue] | None = None) -> URL:
    """The URL with the query added to it, if it is one that may be asked for."""
    if _NOT_IN_URL.search(url):
        raise bad_request("the URL has a control character")
    try:
        target = URL(url)
        if query:
            target = target.extend_query(query)
    except (ValueError, TypeError) as exc:
        raise bad_request(f"the URL is not valid: {exc}") from exc
    if target.scheme not in ("http", "https"):
        raise bad_request("the URL does not start with http:// or https://")
    if not target.raw_host:
        raise bad_request("the URL has no host")
    if target.raw_user is not None or target.raw_password is not None:
        raise bad_request("the URL has a user name or password: send an Authorization header")
    return target


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, if they can be sent as they are."""
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise bad_request(f"{name!r} is not a header's name")
        if name.lower() in _OURS:
            raise bad_request(f"the header {name} is set by the client and cannot be changed")
        if _NOT_IN_HEADER.search(value):
            raise bad_request(f"the header {name} has a line break or another control character")
    return dict(headers)


def method_after(status: int, method: str, body: bytes | None) -> tuple[str, bytes | None]:
    """The method and body after a redirect, as in browsers."""
    if (status == 303 and method not in ("GET", "HEAD")) or (
        status in (301, 302) and method == "POST"
    ):
        return "GET", None
    return method, body


def next_hop(
    url: URL, location: str, headers: dict[str, str], *, keep_body: bool
) -> tuple[URL, dict[str, str]]:
    """The URL that a redirect leads to, and the headers that may go there."""
    try:
        target = parse_url(str(url.join(URL(location))))
    except ValueError as exc:
        raise ResponseRefused(f"{url.host}: redirects to what is not a URL") from exc
    if not keep_body:
        headers = {k: v for k, v in headers.items() if not k.lower().startswith("content-")}
    return target, headers_for(target, url, headers)


def headers_for(target: URL, origin: URL, headers: dict[str, str]) -> dict[str, str]:
    """Which of the headers that were made for an origin may go to a target that it named."""
    if _same_origin(origin, target):
        return headers
    return {k: v for k, v in headers.items() if k.lower() in _ELSEWHERE}


def _same_origin(url: URL, target: URL) -> bool:
    if url.raw_host != target.raw_host:
        return False
    before, after = (url.scheme, url.port), (target.scheme, target.port)
    return before == after or (before, after) == (("http", 80), ("https", 443))
