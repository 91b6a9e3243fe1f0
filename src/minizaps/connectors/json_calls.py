"""Calls of HTTP APIs that take and answer JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from minizaps.connectors.base import Context
from minizaps.connectors.outbound import HttpResponse
from minizaps.connectors.request_rules import QueryValue, bad_request


async def send_json(
    context: Context,
    method: str,
    url: str,
    value: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, QueryValue] | None = None,
) -> HttpResponse:
    """Send a request whose body is a JSON value; None for no body. No redirect is followed.

    Raises:
        ConnectorError: as `HttpClient.request`, or the value is not JSON (type `bad_request`).
    """
    try:
        body = None if value is None else orjson.dumps(value)
    except TypeError as error:  # lone surrogates, numbers beyond 64 bits
        raise bad_request(f"the body cannot be sent: {error}") from error
    sent = {"Content-Type": "application/json; charset=utf-8"} if body is not None else {}
    return await context.http.request(
        method, url, headers={**sent, **(headers or {})}, query=query, body=body, max_redirects=0
    )


def read_object(response: HttpResponse) -> dict[str, Any]:
    """The JSON object that a response has; an empty one if it has none."""
    try:
        value = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
