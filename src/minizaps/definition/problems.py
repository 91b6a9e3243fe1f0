"""What a validation error says to the person who has to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from minizaps.definition.strict_json import join_pointer
from minizaps.errors import Problem


def suggest(word: str, known: Iterable[str]) -> str:
    """`: did you mean 'x'?`, or nothing where no known word is close."""
    close = get_close_matches(word, sorted(map(str, known)), n=1)
    return f": did you mean {close[0]!r}?" if close else ""


def validation_problems(
    error: ValidationError, model: type[BaseModel], raw: Any, pointer: str = ""
) -> list[Problem]:
    """The problems of a Pydantic error, each at its place in the JSON.

    Args:
        model: what was validated against; its field names serve as hints.
        raw: the JSON value that was validated.
        pointer: where that value stands.
    """
    known = _field_names(model)
    problems = [
        Problem(_pointer(e["loc"], raw, pointer), _detail(e, known))
        for e in error.errors(include_url=False, include_input=False)
    ]
    return list(dict.fromkeys(problems))


def _pointer(loc: Sequence[str | int], raw: Any, pointer: str) -> str:
    """Follow the location through the JSON, past the tags that unions put into it."""
    for place, part in enumerate(loc):
        in_list = isinstance(raw, list) and isinstance(part, int) and part < len(raw)
        if in_list or (isinstance(raw, dict) and part in raw):
            raw = raw[part]
        elif place < len(loc) - 1 or not isinstance(raw, dict) or not str(part).isidentifier():
            continue
        pointer = join_pointer(pointer, part)
    return pointer


def _detail(error: Any, known: Iterable[str]) -> str:
    match error["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            key = str(error["loc"][-1])
            return f"unknown key {key!r}{suggest(key, known)}"
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            message: str = error["msg"]
            return message[:1].lower() + message[1:]


def _field_names(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {name for part in parts for name in part.get("properties", {})}
