"""Errors as RFC 9457 problem details."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from minizaps.definition.strict_json import join_pointer
from minizaps.errors import (
    Conflict,
    CredentialUnusable,
    IdempotencyMismatch,
    InvalidInput,
    JournalUnavailable,
    JsonInvalid,
    LimitExceeded,
    MinizapsError,
    NotAllowed,
    NotFound,
    PreconditionFailed,
    Problem,
    SettingsInvalid,
)

logger = logging.getLogger("minizaps.api")

# The first that fits an error counts.
_STATUSES: tuple[tuple[type[MinizapsError], int, str], ...] = (
    (JsonInvalid, 400, "The body is not acceptable JSON"),
    (SettingsInvalid, 503, "The server is not set up for this"),
    (InvalidInput, 422, "The request is not valid"),
    (CredentialUnusable, 503, "The server is not set up for this"),
    (LimitExceeded, 413, "A limit was exceeded"),
    (NotFound, 404, "Not found"),
    (NotAllowed, 403, "Not allowed"),
    (PreconditionFailed, 412, "It has changed since it was read"),
    (IdempotencyMismatch, 422, "The idempotency key was used with another body"),
    (Conflict, 409, "It does not fit the present state"),
    (JournalUnavailable, 503, "The database does not take writes at the moment"),
)
_TITLES = {400: "Bad request", 401: "Not authenticated", 404: "Not found", 405: "Not allowed here"}


class ProblemPlace(BaseModel):
    """One thing that is wrong."""

    pointer: str
    detail: str


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ProblemPlace] = []


_REFERENCE = "#/components/schemas/{model}"
_CONTENT = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
UNAVAILABLE: dict[int | str, dict[str, Any]] = {
    503: {"description": "The database takes no writes at the moment", "content": _CONTENT}
}
RESPONSES = UNAVAILABLE | {"4XX": {"description": "The request is refused", "content": _CONTENT}}


def schemas() -> dict[str, Any]:
    """The schemas that the responses refer to, for the OpenAPI components."""
    schema = ProblemDetails.model_json_schema(ref_template=_REFERENCE)
    return {**schema.pop("$defs"), "Problem": schema}


class HttpProblem(HTTPException):
    """A problem that has no error of its own below the API."""

    def __init__(
        self, status: int, title: str, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        self.title = title


class BodyInvalid(HttpProblem):
    """The request's body is not acceptable JSON."""

    def __init__(self, error: JsonInvalid) -> None:
        super().__init__(400, _STATUSES[0][2], str(error))
        self.problems = error.problems


def problem(
    status: int,
    title: str,
    detail: str,
    errors: Sequence[Problem] = (),
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem response."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in errors]
    return Response(orjson.dumps(body), status, headers, media_type="application/problem+json")


def problem_of(error: Exception) -> Response:
    """The problem response of an exception; 500 for one that nobody foresaw."""
    for kind, status, title in _STATUSES:
        if isinstance(error, kind):
            errors = error.problems if isinstance(error, InvalidInput) else ()
            headers = {"Retry-After": "1"} if status == 503 else None
            return problem(status, title, str(error), errors, headers)
    if isinstance(error, HTTPException):
        title = getattr(error, "title", _TITLES.get(error.status_code, "Error"))
        headers = dict(error.headers) if error.headers else None
        errors = getattr(error, "problems", ())
        return problem(error.status_code, title, str(error.detail), errors, headers)
    if isinstance(error, ClientDisconnect):
        return problem(400, "Bad request", "the body ended too early")
    logger.error("unforeseen", exc_info=error)
    return problem(500, "Internal error", "an unforeseen error: the server's log tells more")


def _invalid_request(error: RequestValidationError) -> Response:
    errors = []
    for e in error.errors():
        place, *path = e["loc"]
        pointer = ""
        for part in path:
            pointer = join_pointer(pointer, part)
        where = "" if place == "body" else f"{place} parameter: "
        errors.append(Problem(pointer, f"{where}{e['msg']}"))
    return problem(422, "The request is not valid", "; ".join(map(str, errors)), errors)


def install(api: FastAPI) -> None:
    """Have every error of the API answered as a problem."""

    async def handle(_: Request, error: Exception) -> Response:
        if isinstance(error, RequestValidationError):
            return _invalid_request(error)
        return problem_of(error)

    for kind in (MinizapsError, HTTPException, RequestValidationError, ClientDisconnect, Exception):
        api.add_exception_handler(kind, handle)
