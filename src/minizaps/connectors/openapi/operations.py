"""The operations of an OpenAPI document: parameters, body, what they have to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from minizaps.connectors.openapi.description import (
    FORM,
    JSON,
    REPEATABLE,
    Body,
    Operation,
    Parameter,
)
from minizaps.connectors.openapi.document import Document, wrong
from minizaps.connectors.openapi.schemas import Schemas
from minizaps.connectors.openapi.security import Security
from minizaps.connectors.openapi.server import server_of

# Those of each place (OpenAPI 3.1, 4.8.12.2), the usual one first.
_STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
}
# The client or the connector sets them (OpenAPI 3.1, 4.8.12.1).
_OURS = frozenset(("accept", "content-type", "authorization", "host", "content-length"))
_KEY = "idempotency-key"
_TAKEN = ("action", "body")


class Left(Exception):
    """An operation cannot be called; the message says why."""


class Operations:
    """Reads operations, one after the other."""

    def __init__(self, document: Document, schemas: Schemas, security: Security) -> None:
        self._document = document
        self._schemas = schemas
        self._security = security

    def read(
        self, action: str, path: str, method: str, item: dict[str, Any], pointer: str
    ) -> Operation:
        """One operation.

        Args:
            item: the path item that it is a part of; `pointer` says where that stands.

        Raises:
            InvalidInput: the document is wrong there.
            Left: it cannot be called.
        """
        here = f"{pointer}/{method}"
        operation = item[method]
        try:
            security, anonymous = self._security.of(operation, here)
        except LookupError as error:
            raise Left(error.args[0]) from None
        found = self._parameters(item, pointer) | self._parameters(operation, here)
        keyed = ("header", _KEY) in {(place, name.lower()) for place, name in found}
        parameters = list(self._sent(found))
        self._check_path(path, parameters)
        summary = operation.get("summary") or operation.get("description") or ""
        servers = operation.get("servers") or item.get("servers")
        url = server_of(servers, f"{here}/servers")
        return Operation(
            id=action,
            method=method.upper(),
            path=path,
            url=url if url and re.match("https?://", url) else None,
            summary=_first_line(summary),
            parameters=parameters,
            body=self._body(operation, here),
            security=security,
            anonymous=anonymous,
            idempotent=method.upper() in REPEATABLE or keyed,
        )

    def _parameters(
        self, holder: dict[str, Any], pointer: str
    ) -> dict[tuple[str, str], tuple[dict[str, Any], str]]:
        listed = holder.get("parameters", [])
        if not isinstance(listed, list):
            raise wrong(f"{pointer}/parameters", "is no list")
        found = {}
        for number, part in enumerate(listed):
            parameter, place = self._document.follow(part, f"{pointer}/parameters/{number}")
            key = parameter.get("in"), parameter.get("name")
            if not all(isinstance(word, str) for word in key):
                raise wrong(place, "a parameter has `name` and `in`")
            found[key] = parameter, place
        return found  # type: ignore[return-value] # both are texts

    def _sent(
        self, found: dict[tuple[str, str], tuple[dict[str, Any], str]]
    ) -> Iterator[Parameter]:
        taken = set(_TAKEN)
        for (place, name), (parameter, pointer) in found.items():
            required = parameter.get("required") is True
            if place == "header" and name.lower() in (*_OURS, _KEY):
                continue
            if place not in _STYLES:
                if required:
                    raise Left(f"it needs the {place} {name!r}")
                continue
            field = _field(name, place, taken)
            taken.add(field)
            style, schema = self._style(parameter, place, pointer)
            explode = parameter.get("explode", style in ("form", "deepObject"))
            yield Parameter.model_validate(
                {
                    "field": field,
                    "name": name,
                    "place": place,
                    "required": required or place == "path",
                    "style": style,
                    "explode": explode,
                    "schema": schema,
                    "description": str(parameter.get("description") or ""),
                }
            )

    def _style(self, parameter: dict[str, Any], place: str, pointer: str) -> tuple[str, Any]:
        if isinstance(content := parameter.get("content"), dict) and content:
            media_type, part = next(iter(content.items()))
            if not _is_json(media_type):
                raise Left(f"its parameter {parameter['name']!r} is {media_type}")
            schema = part.get("schema", True) if isinstance(part, dict) else True
            return "json", self._schemas.convert(schema, f"{pointer}/content")
        style = parameter.get("style") or _STYLES[place][0]
        if style not in _STYLES[place]:
            raise wrong(f"{pointer}/style", f"{style!r} is no style of a {place} parameter")
        return style, self._schemas.convert(parameter.get("schema", True), f"{pointer}/schema")

    def _body(self, operation: dict[str, Any], pointer: str) -> Body | None:
        if "requestBody" not in operation:
            return None
        body, here = self._document.follow(operation["requestBody"], f"{pointer}/requestBody")
        content = self._document.objects(body, "content", here)
        required = body.get("required") is True
        media_type = next(_sendable(content), None)
        if media_type is None:
            if required:
                raise Left(f"its body is {' or '.join(content) or 'of no type'}")
            return None
        part = content[media_type]
        place = f"{here}/content/{media_type.replace('/', '~1')}/schema"
        schema = part.get("schema", True) if isinstance(part, dict) else True
        return Body.model_validate(
            {
                "media_type": media_type,
                "required": required,
                "schema": self._schemas.convert(schema, place),
                "description": str(body.get("description") or ""),
            }
        )

    def _check_path(self, path: str, parameters: list[Parameter]) -> None:
        given = {p.name for p in parameters if p.place == "path"}
        if missing := set(re.findall(r"\{([^{}]+)\}", path)) - given:
            raise Left(f"the document has no parameter for {{{sorted(missing)[0]}}} in {path}")


def _sendable(content: dict[str, Any]) -> Iterator[str]:
    """The types that can be sent, the best one first."""
    yield from (kind for kind in content if kind.partition(";")[0].strip() == JSON)
    yield from (kind for kind in content if _is_json(kind))
    yield from (kind for kind in content if kind.partition(";")[0].strip() == FORM)
    yield from (kind for kind in content if kind.startswith("text/"))


def _is_json(media_type: str) -> bool:
    plain = media_type.partition(";")[0].strip()
    return plain == JSON or plain.endswith("+json")


def _field(name: str, place: str, taken: set[str]) -> str:
    """A parameter's name in a config: `petId` is `pet_id`, `X-Trace-ID` is `x_trace_id`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    field = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or place
    for candidate in (field, f"{field}_{place}"):
        if candidate not in taken:
            return candidate
    return next(f for n in range(2, 1000) if (f := f"{field}_{n}") not in taken)


def _first_line(words: Any) -> str:
    return str(words).strip().partition("\n")[0].strip()[:200]
