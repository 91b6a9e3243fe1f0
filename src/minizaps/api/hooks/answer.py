"""What a caller is answered, if the trigger's author has laid it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from minizaps.definition.expressions import Compiled, compile_value
from minizaps.definition.webhook_trigger import NO_BODY, Answer, is_header_value
from minizaps.errors import DefinitionInvalid, ExpressionError, InvalidInput, Problem

# A page that a caller's words have been put into has no rights on this origin.
_SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "sandbox allow-forms allow-popups allow-scripts",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PlannedAnswer:
    """An answer, ready to be made for a call."""

    compiled: Compiled

    def render(self, scope: Mapping[str, Any]) -> Response:
        """The answer to one call.

        Args:
            scope: the context roots that it may read.

        Raises:
            InvalidInput: an expression failed, or gives what cannot be sent.
        """
        try:
            found = self.compiled.render(scope)
        except ExpressionError as error:
            raise _refused(error.pointer, str(error)) from None
        status = found["status"]
        if type(status) is not int or not 200 <= status <= 599:
            raise _refused("/status", f"no number from 200 to 599: {str(status)[:100]!r}")
        headers = {name: _header(name, value) for name, value in found["headers"].items()}
        content, media_type = _content(found["body"])
        if status in NO_BODY:
            content, media_type = b"", None
        named = {name.lower() for name in headers}
        safe = {name: value for name, value in _SAFE_HEADERS.items() if name.lower() not in named}
        kind = None if "content-type" in named else media_type
        return Response(content, status, safe | headers, media_type=kind)


def plan_answer(answer: Answer) -> PlannedAnswer:
    """Compile an answer."""
    problems: list[Problem] = []
    parts = {"status": answer.status, "headers": answer.headers, "body": answer.body}
    compiled = compile_value(parts, problems)
    if compiled is None:
        raise DefinitionInvalid(problems)
    return PlannedAnswer(compiled)


def _header(name: str, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not is_header_value(value):
        raise _refused(f"/headers/{name}", "a header's value is one line of ASCII")
    return value


def _content(body: Any) -> tuple[bytes, str | None]:
    if body is None:
        return b"", None
    if isinstance(body, str):
        return body.encode(), "text/plain"
    return orjson.dumps(body), "application/json"


def _refused(place: str | None, detail: str) -> InvalidInput:
    return InvalidInput(f"the trigger's answer (respond{place or ''}) fails here: {detail}")
