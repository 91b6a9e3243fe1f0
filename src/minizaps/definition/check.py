"""Checks a definition when it is saved: all problems at once, each with its JSON pointer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from minizaps.clock import to_text
from minizaps.definition.expressions import (
    Reference,
    compile_condition,
    compile_template,
    compile_value,
)
from minizaps.definition.ids import with_ids
from minizaps.definition.input_schema import compile_schema, schema_problems
from minizaps.definition.poll import PollDefaults, poll_problems
from minizaps.definition.problems import suggest, validation_problems
from minizaps.definition.reach import Reach, before_start
from minizaps.definition.steps import BLOCKS, Takes, fixed_fields
from minizaps.definition.strict_json import check_json, join_pointer
from minizaps.definition.tree import JsonObject, members, walk
from minizaps.definition.webhook_check import webhook_problems
from minizaps.definition.workflow import LARGEST_DEFINITION, MOST_STEPS, Definition
from minizaps.errors import DefinitionInvalid, ExpressionSyntaxError, JsonInvalid, Problem

ConfigModels = Mapping[str, type[BaseModel]]


SCHEDULE, POLL = "schedule", "poll"
FACTS = {"scheduled_at": to_text(0), "fired_at": to_text(0), "missed": 0}  # as a schedule adds them


def check_definition(
    raw: Any,
    config_models: ConfigModels,
    takes: Mapping[str, Takes] = MappingProxyType({}),
    polls: Mapping[str, PollDefaults] = MappingProxyType({}),
) -> JsonObject:
    """The definition as it is stored: checked, with an id for every step and trigger.

    Args:
        raw: the definition as JSON.
        config_models: the config model of each connector's step type.
        takes: the credentials of the step types that take some.
        polls: the step types that a `poll` may read by.

    Raises:
        DefinitionInvalid: with every problem.
    """
    if problems := _limit_problems(raw):
        raise DefinitionInvalid(problems)
    definition = with_ids(raw)
    try:
        Definition.model_validate(definition)
    except ValidationError as error:
        problems += validation_problems(error, Definition, definition)
    problems += _Checker({**config_models, **BLOCKS}, takes, polls).check(definition)
    problems = problems or list(_inputs_problems(definition))
    if problems:
        raise DefinitionInvalid(sorted(set(problems), key=lambda p: _order(p.pointer)))
    return definition


def _inputs_problems(definition: JsonObject) -> Iterator[Problem]:
    """Why schedules of a definition that is right otherwise could never start a run."""
    schema = definition.get("input_schema")
    schedules = [
        (i, t) for i, t in enumerate(definition.get("triggers", ())) if t["type"] == SCHEDULE
    ]
    if schema is None or not schedules:
        return
    meets = compile_schema(schema)
    for index, trigger in schedules:
        for problem in meets({**trigger["config"].get("input", {}), **FACTS}):
            pointer = f"/triggers/{index}/config/input{problem.pointer}"
            yield Problem(pointer, f"the input_schema: {problem.detail}")


def _limit_problems(raw: Any) -> list[Problem]:
    if not isinstance(raw, dict):
        return [Problem("", "a definition is a JSON object")]
    try:
        check_json(raw)
        size = len(orjson.dumps(raw))
    except JsonInvalid as error:
        return list(error.problems)
    except (TypeError, RecursionError) as error:
        return [Problem("", f"not JSON: {error}")]
    if size > LARGEST_DEFINITION:
        return [Problem("", f"{size} bytes: a definition has {LARGEST_DEFINITION} at most")]
    count = sum(1 for _ in walk(raw))
    if count > MOST_STEPS:
        return [Problem("/steps", f"{count} steps: a definition has {MOST_STEPS} at most")]
    return []


def _order(pointer: str) -> list[Any]:
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in pointer.split("/")]


@dataclass
class _Checker:
    """Checks what the format alone cannot: types, configs, ids and references."""

    config_models: ConfigModels
    takes: Mapping[str, Takes]
    polls: Mapping[str, PollDefaults]
    problems: list[Problem] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)  # every step's id -> its pointer

    def check(self, definition: JsonObject) -> list[Problem]:
        if (schema := definition.get("input_schema")) is not None:
            self.problems += schema_problems(schema, "/input_schema")
        self._ids(definition)
        for name in ("concurrency", "rate", "debounce"):
            part = definition.get(name)
            self._key(part.get("key") if isinstance(part, dict) else None, f"/{name}/key")
        for here, trigger in members(definition.get("triggers"), "/triggers"):
            if trigger.get("type") == "webhook":
                self.problems += webhook_problems(trigger.get("config"), f"{here}/config")
            elif trigger.get("type") == POLL:
                self._poll(trigger.get("config"), f"{here}/config")
        read = {here: self._step(step, here) for here, step in walk(definition)}
        return self.problems + Reach(read, self.places).problems(definition)

    def _say(self, pointer: str, detail: str) -> None:
        self.problems.append(Problem(pointer, detail))

    def _ids(self, definition: JsonObject) -> None:
        for pointer, step in walk(definition):
            self._unique(step.get("id"), f"{pointer}/id", self.places)
            self._each_unique(step.get("branches"), f"{pointer}/branches")
        self._each_unique(definition.get("triggers"), "/triggers")

    def _each_unique(self, entries: Any, pointer: str) -> None:
        places: dict[str, str] = {}
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict):
                self._unique(entry.get("id"), f"{pointer}/{index}/id", places)

    def _unique(self, entry_id: Any, pointer: str, places: dict[str, str]) -> None:
        if isinstance(entry_id, str) and entry_id in places:
            self._say(pointer, f"the id {entry_id!r} is taken by {places[entry_id]}")
        elif isinstance(entry_id, str):
            places[entry_id] = pointer.removesuffix("/id")

    def _key(self, key: Any, pointer: str) -> None:
        if not isinstance(key, str):
            return
        try:
            references = compile_template(key).references
        except ExpressionSyntaxError as error:
            self._say(pointer, error.problems[0].detail)
            return
        for detail in before_start(references):
            self._say(pointer, detail)

    def _step(self, step: JsonObject, here: str) -> list[tuple[str, Reference]]:
        """Check a step by itself; return what it reads."""
        references = self._condition(step.get("if"), f"{here}/if")
        references += self._condition(step.get("until"), f"{here}/until")
        cases = step.get("cases")
        for index, case in enumerate(cases if isinstance(cases, list) else ()):
            if isinstance(case, dict):
                references += self._condition(case.get("if"), f"{here}/cases/{index}/if")
        config = step.get("config", {})
        found: list[Problem] = []
        compiled = compile_value(config, found, f"{here}/config")
        self.problems += found
        if compiled is not None:
            references += compiled.references
        self._config(step, config, here, set(_templates(config, "/config")))
        self._credential(step, here)
        return references

    def _poll(self, config: Any, here: str) -> None:
        if not isinstance(config, dict):
            return
        found: list[Problem] = []
        compiled = compile_value(config.get("config", {}), found, f"{here}/config")
        references = () if compiled is None else compiled.references
        self.problems += found
        self._config(
            config, config.get("config", {}), here, {p[len(here) :] for p, _ in references}
        )
        self._credential(config, here)
        self.problems += poll_problems(config, here, self.config_models, self.polls)

    def _credential(self, step: JsonObject, here: str) -> None:
        kind, name = step.get("type"), step.get("credential")
        if not isinstance(kind, str) or kind in BLOCKS or kind not in self.config_models:
            return
        takes = self.takes.get(kind)
        if takes is None and name is not None:
            self._say(f"{here}/credential", f"the step type {kind!r} takes no credential")
        elif takes is not None and takes.required and name is None:
            types = " or ".join(takes.types)
            self._say(f"{here}/credential", f"is required: the name of a credential, {types}")

    def _condition(self, condition: Any, pointer: str) -> list[tuple[str, Reference]]:
        if not isinstance(condition, str):
            return []
        try:
            return [(pointer, r) for r in compile_condition(condition).references]
        except ExpressionSyntaxError as error:
            self._say(pointer, error.problems[0].detail)
            return []

    def _config(self, step: JsonObject, config: Any, here: str, templated: set[str]) -> None:
        kind = step.get("type")
        if not isinstance(kind, str):
            return
        model = self.config_models.get(kind)
        if model is None:
            known = ", ".join(sorted(self.config_models))
            hint = suggest(kind, self.config_models) or f": known are {known}"
            self._say(f"{here}/type", f"unknown step type {kind!r}{hint}")
            return
        for name in fixed_fields(model):
            if _is_templated(f"/config/{name}", templated):
                self._say(f"{here}/config/{name}", "is fixed: no expression")
        try:
            model.model_validate(config)
        except ValidationError as error:
            self.problems += validation_problems(
                error,
                model,
                config,
                f"{here}/config",
                unknown_yet=lambda pointer: _is_templated(pointer.removeprefix(here), templated),
            )


def _templates(value: Any, pointer: str) -> Iterator[str]:
    """Where the texts with an expression stand."""
    match value:
        case str() if "{{" in value:
            yield pointer
        case dict():
            for key, part in value.items():
                yield from _templates(part, join_pointer(pointer, key))
        case list():
            for index, part in enumerate(value):
                yield from _templates(part, join_pointer(pointer, index))


def _is_templated(pointer: str, templated: set[str]) -> bool:
    """Whether a problem lies at, in or around a value that an expression will give."""
    return pointer != "/config" and any(
        place == pointer or place.startswith(pointer + "/") or pointer.startswith(place + "/")
        for place in templated
    )
