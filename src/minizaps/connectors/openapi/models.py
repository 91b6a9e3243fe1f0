"""The config models of a described API: one for each operation, chosen by `action`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from minizaps.connectors.base import ConnectorConfig
from minizaps.connectors.openapi.description import Body, Description, Operation, Parameter
from minizaps.connectors.openapi.style import text
from minizaps.definition.input_schema import compile_schema

SHOWN_DEEP = 3  # references that a shown schema follows into each other
BODY = "body"


class ApiAction(ConnectorConfig):
    """The fields of one operation."""

    model_config = ConfigDict(protected_namespaces=())
    operation: ClassVar[Operation]

    def given(self) -> dict[str, Any]:
        """The values of the fields that the step gives."""
        fields = type(self).model_fields
        return {str(fields[name].alias): getattr(self, name) for name in self.model_fields_set
                if fields[name].alias}  # fmt: skip


def config_model(api: Description) -> type[ConnectorConfig]:
    """The model of the config: an object whose `action` says which other fields there are."""
    actions = [_action(api, operation) for operation in api.operations]
    if len(actions) == 1:
        return actions[0]
    union: Any = Annotated[reduce(or_, actions), Field(discriminator="action")]

    def core_schema(cls: Any, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(union)

    members = {"__get_pydantic_core_schema__": classmethod(core_schema), "__module__": __name__,
               "__doc__": f"An action of {api.title}, and its fields."}  # fmt: skip
    return type(f"{api.name}_config", (ConnectorConfig,), members)


def _action(api: Description, operation: Operation) -> type[ApiAction]:
    fields: dict[str, Any] = {
        "action": (
            Literal[operation.id],
            Field(description=operation.summary or f"{operation.method} {operation.path}"),
        )
    }
    parts: list[tuple[str, Parameter | Body]] = [(p.field, p) for p in operation.parameters]
    if operation.body is not None:
        parts.append((BODY, operation.body))
    for number, (name, part) in enumerate(parts):
        # A name that Pydantic takes for no attribute of its own; people know the alias only.
        fields[f"field_{number}"] = _field(api, name, part)
    model = create_model(
        operation.id if len(api.operations) > 1 else f"{api.name}_config",
        __base__=ApiAction,
        __module__=__name__,
        __doc__=operation.summary or f"{operation.method} {operation.path}.",
        **fields,
    )
    model.operation = operation
    return model


def _field(api: Description, name: str, part: Parameter | Body) -> tuple[Any, Any]:
    shown = _shown(part.schema_, api.schemas)
    check = _check(part, api)
    kind = Annotated[Any, AfterValidator(check), WithJsonSchema(shown)]
    described = part.description or str(shown.get("description") or _default_description(part))
    if part.required:
        return kind, Field(alias=name, description=described)
    return kind, Field(default=None, alias=name, description=described)


def _default_description(part: Parameter | Body) -> str:
    if isinstance(part, Body):
        return "The body of the request."
    return f"The parameter {part.name} ({part.place})."


def _check(part: Parameter | Body, api: Description) -> Callable[[Any], Any]:
    problems_of = compile_schema(_whole(part.schema_, api.schemas), at_missing=True)
    shown = _shown(part.schema_, api.schemas)
    kinds = _kinds(shown) if isinstance(part, Parameter) else frozenset()

    def check(value: Any) -> Any:
        if value is None and not part.required:
            return None
        value = _as_kind(value, kinds)
        if problems := problems_of(value):
            errors = [_error(problem.pointer, problem.detail, value) for problem in problems]
            raise ValidationError.from_exception_data(part.description, errors)
        return value

    return check


def _error(pointer: str, detail: str, value: Any) -> InitErrorDetails:
    said = PydanticCustomError("json_schema", "{detail}", {"detail": detail})
    return InitErrorDetails(type=said, loc=tuple(_location(pointer, value)), input=None)


def _location(pointer: str, value: Any) -> Iterator[str | int]:
    for part in pointer.split("/")[1:]:
        key: str | int = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            key = int(key)
        yield key
        known = isinstance(value, list) or (isinstance(value, dict) and key in value)
        value = value[key] if known else None


def _whole(schema: Any, schemas: dict[str, Any]) -> Any:
    return {**schema, "$defs": schemas} if isinstance(schema, dict) else schema


def _kinds(schema: dict[str, Any]) -> frozenset[str]:
    """The JSON types that a schema allows; empty where it does not say."""
    kind = schema.get("type")
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return frozenset().union(*map(_kinds, choices))
    return frozenset([kind] if isinstance(kind, str) else kind or ())


def _as_kind(value: Any, kinds: frozenset[str]) -> Any:
    """A parameter's value as the type that the schema asks for: in a request, both are text."""
    if isinstance(value, str) and kinds and "string" not in kinds:
        if "boolean" in kinds and value in ("true", "false"):
            return value == "true"
        if kinds & {"integer", "number"}:
            return _number(value, whole="number" not in kinds)
    if kinds and kinds <= {"string", "null"} and isinstance(value, int | float):
        return text(value)
    return value


def _number(value: str, *, whole: bool) -> Any:
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return value if whole else float(value)
    except ValueError:
        return value


def _shown(schema: Any, schemas: dict[str, Any], deep: int = 0) -> dict[str, Any]:
    """The schema without references: forms and editors take it as it is.

    What refers to itself, or is nested deeper than a few references, is shown as anything; the
    value is checked against the whole schema all the same.
    """
    if not isinstance(schema, dict):
        return {}
    if isinstance(reference := schema.get("$ref"), str):
        target = schemas.get(reference.removeprefix("#/$defs/"), {})
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        if deep == SHOWN_DEEP:
            return beside
        return {**_shown(target, schemas, deep + 1), **_shown(beside, schemas, deep)}
    return {key: _shown_part(key, value, schemas, deep) for key, value in schema.items()}


def _shown_part(key: str, value: Any, schemas: dict[str, Any], deep: int) -> Any:
    if key == "properties":
        return {name: _shown(part, schemas, deep) for name, part in value.items()}
    if key in ("allOf", "anyOf", "oneOf", "prefixItems"):
        return [_shown(part, schemas, deep) for part in value]
    if key in ("items", "additionalProperties", "not") and isinstance(value, dict):
        return _shown(value, schemas, deep)
    return value
