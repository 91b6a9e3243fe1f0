"""What is kept of an API: the file that a process reads at its start."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from minizaps.definition.input_schema import schema_problems
from minizaps.definition.problems import validation_problems
from minizaps.definition.steps import ID_PATTERN
from minizaps.errors import InvalidInput, Problem

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})  # RFC 9110, 9.2.2


class Part(BaseModel):
    """A part of a description. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Parameter(Part):
    """A parameter of an operation.

    Attributes:
        field: its name in the step's `config`.
        name: its name in the request.
        style, explode: how it is written (OpenAPI 3.1, 4.8.12); the style `json` is JSON text.
    """

    field: str
    name: str
    place: Literal["path", "query", "header"]
    required: bool = False
    style: Literal[
        "simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject", "json"
    ]
    explode: bool = False
    schema_: Any = Field(default=True, alias="schema")
    description: str = ""


class Body(Part):
    """The body of an operation's request: JSON, the fields of a form, or text."""

    media_type: str
    required: bool = False
    schema_: Any = Field(default=True, alias="schema")
    description: str = ""


class Scheme(Part):
    """How a request proves who sends it.

    Attributes:
        name: that of the header, the query parameter or the cookie.
    """

    kind: Literal["basic", "bearer", "oauth2", "header", "query", "cookie"]
    name: str = ""


class Operation(Part):
    """An action.

    Attributes:
        id: its name in the step's `config`.
        url: the server, where it has one of its own.
        security: the names of the schemes of which one is enough.
        anonymous: whether it may be called without a credential.
        idempotent: whether the same request may be sent twice.
    """

    id: str
    method: str
    path: str
    url: str | None = None
    summary: str = ""
    parameters: list[Parameter] = []
    body: Body | None = None
    security: list[str] = []
    anonymous: bool = True
    idempotent: bool = False


class Description(Part):
    """An API, as a step type.

    Attributes:
        name: the step type.
        url: the address that the paths of the operations follow.
        schemas: the schemas that others refer to, `#/$defs/NAME`.
    """

    name: str = Field(pattern=ID_PATTERN)
    title: str
    url: str = Field(pattern=r"^https?://[^/?#\s]+[^?#\s]*$")
    schemes: dict[str, Scheme] = {}
    operations: list[Operation] = Field(min_length=1)
    schemas: dict[str, Any] = {}


def description_of(raw: Any) -> Description:
    """The description that a JSON value is.

    Raises:
        InvalidInput: with what is wrong and where.
    """
    try:
        api = Description.model_validate(raw)
    except ValidationError as error:
        raise InvalidInput(validation_problems(error, Description, raw)) from None
    for number, operation in enumerate(api.operations):
        for name in set(operation.security) - api.schemes.keys():
            place = f"/operations/{number}/security"
            raise InvalidInput([Problem(place, f"there is no scheme {name!r}")])
    parts = [part for o in api.operations for part in (*o.parameters, o.body) if part is not None]
    # All at once: what they refer to is checked once.
    whole = {"$defs": api.schemas, "allOf": [True, *(part.schema_ for part in parts)]}
    if problems := schema_problems(whole, ""):
        details = "; ".join(problem.detail for problem in problems[:5])
        raise InvalidInput(f"there are schemas that are none: {details}")
    return api
