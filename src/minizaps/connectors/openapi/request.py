"""The request that an operation is, with the values of its fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson

from minizaps.connectors.openapi.description import FORM, Body, Description, Operation, Parameter
from minizaps.connectors.openapi.models import BODY
from minizaps.connectors.openapi.style import in_header, in_path, in_query, text
from minizaps.connectors.request_rules import bad_request

_DOTS = (".", "..")


@dataclass
class Request:
    """What is sent. `query` has the values of each name, in their order."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, list[str]] = field(default_factory=dict)
    body: bytes | None = None


def request_of(api: Description, operation: Operation, values: dict[str, Any]) -> Request:
    """The request for an operation.

    Args:
        values: the step's values, by the names of the fields.

    Raises:
        ConnectorError: a value cannot be sent (type `bad_request`).
    """
    request = Request("")
    path = operation.path
    for parameter in operation.parameters:
        value = values.get(parameter.field)
        if value is None:
            continue
        if parameter.place == "path":
            path = path.replace(f"{{{parameter.name}}}", _part(parameter, value))
        elif parameter.place == "header":
            request.headers[parameter.name] = in_header(parameter, value)
        else:
            for name, each in in_query(parameter, value):
                request.query.setdefault(name, []).append(each)
    if any(part in _DOTS for part in path.split("/")):
        raise bad_request("a part of the path is . or .., which would lead elsewhere")
    request.url = (operation.url or api.url).rstrip("/") + path
    if operation.body is not None:
        _set_body(request, operation.body, values)
    return request


def _part(parameter: Parameter, value: Any) -> str:
    part = in_path(parameter, value)
    if not part:
        raise bad_request(f"{parameter.field} is empty: it is a part of the path")
    return part


def _set_body(request: Request, body: Body, values: dict[str, Any]) -> None:
    if BODY not in values or (values[BODY] is None and not body.required):
        return
    request.headers["Content-Type"] = body.media_type
    value = values[BODY]
    if body.media_type == FORM:
        fields = Parameter(field="", name="", place="query", style="form", explode=True)
        request.body = urlencode(in_query(fields, value)).encode()
        return
    if "json" in body.media_type:
        try:
            request.body = orjson.dumps(value)
        except TypeError as error:  # lone surrogates, numbers beyond 64 bits
            raise bad_request(f"the body cannot be sent: {error}") from error
        return
    request.headers["Content-Type"] += "; charset=utf-8"
    request.body = text(value).encode()
