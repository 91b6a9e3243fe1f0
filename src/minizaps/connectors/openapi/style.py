"""How the values of parameters are written into a request (OpenAPI 3.1, 4.8.12)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from minizaps.connectors.openapi.description import Parameter

_DELIMITERS = {"form": ",", "spaceDelimited": " ", "pipeDelimited": "|"}


def text(value: Any) -> str:
    """A scalar as text; what is nested deeper is JSON."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool() | list() | dict():
            return orjson.dumps(value).decode()
    return str(value)


def in_path(parameter: Parameter, value: Any) -> str:
    """The value as a part of a path, encoded."""
    name, explode = parameter.name, parameter.explode
    parts = _parts(value, explode=explode, encode=True)
    match parameter.style:
        case "label":
            return "." + ("." if explode else ",").join(parts)
        case "matrix" if explode and isinstance(value, dict):
            return ";" + ";".join(parts)
        case "matrix" if explode:
            return "".join(f";{name}={part}" for part in parts)
        case "matrix":
            return f";{name}={','.join(parts)}"
        case "json":
            return quote(orjson.dumps(value).decode(), safe="")
    return ",".join(parts)


def in_header(parameter: Parameter, value: Any) -> str:
    """The value of a header."""
    if parameter.style == "json":
        return orjson.dumps(value).decode()
    return ",".join(_parts(value, explode=parameter.explode, encode=False))


def in_query(parameter: Parameter, value: Any) -> list[tuple[str, str]]:
    """The pairs that the value adds to a query, or to a form."""
    name, style = parameter.name, parameter.style
    if style == "json":
        return [(name, orjson.dumps(value).decode())]
    if style == "deepObject" and isinstance(value, dict):
        return [(f"{name}[{key}]", each) for key, v in value.items() for each in _texts(v)]
    if isinstance(value, dict) and parameter.explode:
        return [(key, each) for key, v in value.items() for each in _texts(v)]
    if isinstance(value, list) and parameter.explode:
        return [(name, text(v)) for v in value]
    parts = _parts(value, explode=False, encode=False)
    return [(name, _DELIMITERS.get(style, ",").join(parts))]


def _texts(value: Any) -> list[str]:
    return [text(v) for v in value] if isinstance(value, list) else [text(value)]


def _parts(value: Any, *, explode: bool, encode: bool) -> list[str]:
    def shown(part: Any) -> str:
        return quote(text(part), safe="") if encode else text(part)

    if isinstance(value, list):
        return [shown(part) for part in value]
    if isinstance(value, dict) and explode:
        return [f"{shown(key)}={shown(part)}" for key, part in value.items()]
    if isinstance(value, dict):
        return [shown(part) for pair in value.items() for part in pair]
    return [shown(value)]
