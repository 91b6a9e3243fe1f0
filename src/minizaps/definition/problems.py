"""What a validation error says to the person who has to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    error: ValidationError,
    model: type[BaseModel],
    raw: Any,
    pointer: str = "",
    *,
    unknown_yet: Callable[[str], bool] = lambda _: False,
) -> list[Problem]:
    """The problems of a Pydantic error, each at its place in the JSON.

    Args:
        model: what was validated against; its field names serve as hints.
        raw: the JSON value that was validated.
        pointer: where that value stands.
        unknown_yet: whether the value at a pointer is given later, so that only its key counts.
    """
    known = [set(part.get("properties", {})) for part in _parts(model)]
    problems = []
    for e in error.errors(include_url=False, include_input=False):
        place, beside = _follow(e["loc"], raw, pointer)
        if e["type"] in ("union_tag_invalid", "union_tag_not_found"):
            place = join_pointer(place, e["ctx"]["discriminator"].strip("'"))
        if e["type"] == "extra_forbidden" or not unknown_yet(place):
            problems.append(Problem(place, _detail(e, known, beside)))
    return list(dict.fromkeys(problems))


def _follow(loc: Sequence[str | int], raw: Any, pointer: str) -> tuple[str, frozenset[str]]:
    """Follow the location through the JSON, past the tags that unions put into it.

    Returns:
        its pointer, and the keys of the object in which it ends.
    """
    beside: frozenset[str] = frozenset()
    for place, part in enumerate(loc):
        beside = frozenset(raw) if isinstance(raw, dict) else beside
        in_list = isinstance(raw, list) and isinstance(part, int) and part < len(raw)
        if in_list or (isinstance(raw, dict) and part in raw):
            raw = raw[part]
        elif place < len(loc) - 1 or not isinstance(raw, dict) or not str(part).isidentifier():
            continue
        pointer = join_pointer(pointer, part)
    return pointer, beside


def _detail(error: Any, known: Sequence[set[str]], beside: frozenset[str]) -> str:
    match error["type"]:
        case "missing" | "union_tag_not_found":
            return "is required"
        case "union_tag_invalid":
            tag, tags = error["ctx"]["tag"], error["ctx"]["expected_tags"]
            words = [word.strip(" '") for word in tags.split(",")]
            return f"{tag!r} is not known" + (suggest(tag, words) or f": known are {tags}")
        case "extra_forbidden":
            key = str(error["loc"][-1])
            # The keys beside it tell which part of the format was meant.
            most = max(len(names & beside) for names in known)
            meant = {name for names in known if len(names & beside) == most for name in names}
            return f"unknown key {key!r}{suggest(key, meant - beside)}"
        case "dict_type" | "model_type":
            return "is no object"
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            message: str = error["msg"]
            return message[:1].lower() + message[1:]


def _parts(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    return [schema, *schema.get("$defs", {}).values()]
