"""The published description of the Google Sheets API, as a check of requests and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import googleapiclient
from jsonschema import Draft202012Validator

_DOCUMENT = (
    Path(googleapiclient.__file__).parent / "discovery_cache" / "documents" / "sheets.v4.json"
)
DISCOVERY = json.loads(_DOCUMENT.read_text())


class Method(NamedTuple):
    """A method that a request calls, with what its path says."""

    id: str
    described: dict[str, Any]
    parameters: dict[str, str]

    def request_problems(self, query: Mapping[str, list[str]], body: Any) -> list[str]:
        """What the description does not allow of a request."""
        known = {**DISCOVERY["parameters"], **self.described["parameters"]}
        problems = []
        for name, values in query.items():
            parameter = known.get(name)
            if parameter is None or parameter.get("location") != "query":
                problems.append(f"unknown parameter {name}")
                continue
            if len(values) > 1 and not parameter.get("repeated"):
                problems.append(f"{name} is given more than once")
            allowed = parameter.get("enum")
            problems += [f"{name}={v}" for v in values if allowed and v not in allowed]
        return problems + self._problems("request", body)

    def answer_problems(self, body: Any) -> list[str]:
        """What the description does not allow of an answer."""
        return self._problems("response", body)

    def _problems(self, part: str, body: Any) -> list[str]:
        if part not in self.described:
            return [] if body is None else ["a body"]
        schema = {"$defs": _SCHEMAS, "$ref": f"#/$defs/{self.described[part]['$ref']}"}
        return [
            f"{each.json_path}: {each.message}"
            for each in Draft202012Validator(schema).iter_errors(body)
        ]


def find_method(verb: str, path: str) -> Method | None:
    """The method that a verb and a decoded path call."""
    for described in _methods(DISCOVERY):
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>.+?)", described["path"])
        match = re.fullmatch(pattern, path)
        if described["httpMethod"] == verb and match and "/" not in match["spreadsheetId"]:
            return Method(described["id"], described, match.groupdict())
    return None


def _methods(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    # Nested ones first: a range may hold any character, a spreadsheet's id only some.
    for inner in resource.get("resources", {}).values():
        yield from _methods(inner)
    # `{range}:append` before `{range}`.
    yield from sorted(resource.get("methods", {}).values(), key=lambda m: -len(m["path"]))


def _json_schema(described: Any) -> Any:
    if isinstance(described, list):
        return [_json_schema(each) for each in described]
    if not isinstance(described, dict):
        return described
    if "$ref" in described:
        return {"$ref": f"#/$defs/{described['$ref']}"}
    if described.get("type") == "any":
        return {}
    schema = {k: described[k] for k in ("type", "enum") if k in described}
    if "properties" in described:
        schema["properties"] = {k: _json_schema(v) for k, v in described["properties"].items()}
        schema["additionalProperties"] = False
    if "items" in described:
        schema["items"] = _json_schema(described["items"])
    return schema


_SCHEMAS = {name: _json_schema(described) for name, described in DISCOVERY["schemas"].items()}
