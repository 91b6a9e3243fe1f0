"""The OpenAPI description: whole, checked in, and kept by the answers to generated requests."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import one_of
from jsonschema import Draft202012Validator
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from minizaps.api.server import create_api
from tests.api.conftest import Live
from tests.api.support import API, Server, definition

CHECKED_IN = Path(__file__).parents[2] / "docs" / "openapi.json"
OPENAPI: dict[str, Any] = json.loads(json.dumps(create_api().openapi()))
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
BRIEFLY = settings(
    max_examples=6,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
STREAM = f"{API}/runs/{{run_id}}/events"  # lasts as long as its run
HAS_IDS = re.compile(r"{(workflow|run)_id}(?!/events)")
OPERATIONS = [
    (method.upper(), path)
    for path, operations in OPENAPI["paths"].items()
    for method in operations
    if not path.startswith("/hooks/")
]


async def test_the_server_gives_the_description_to_anybody(server: Server) -> None:
    answer = await server.client().get(f"{API}/openapi.json")
    assert answer.json() == OPENAPI


@pytest.mark.skipif(not CHECKED_IN.exists(), reason="not made yet")
def test_the_checked_in_description_is_the_servers() -> None:
    assert json.loads(CHECKED_IN.read_text()) == OPENAPI, "run: make docs"


def test_every_reference_leads_to_something() -> None:
    def follow(node: Any) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str):
                assert reference.startswith("#/"), reference
                place: Any = OPENAPI
                for part in reference.removeprefix("#/").split("/"):
                    place = place[part.replace("~1", "/").replace("~0", "~")]
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, (dict, list)):
                follow(child)

    follow(OPENAPI)


@pytest.mark.parametrize("name", OPENAPI["components"]["schemas"])
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(OPENAPI["components"]["schemas"][name])


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_call_says_what_it_does_and_how_it_refuses(method: str, path: str) -> None:
    operation = OPENAPI["paths"][path][method.lower()]
    assert operation["summary"]
    assert operation["description"].endswith(".")
    assert operation["tags"]
    refusals = {status for status in operation["responses"] if status[0] in "45"}
    assert refusals
    for status in refusals:
        assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
    if path.startswith(API):
        assert operation["security"]


@dataclass(frozen=True)
class Described:
    """The description that a running server gives, its key, and ids of what it has."""

    schema: Any
    key: str
    ids: dict[str, Any]


@pytest.fixture(scope="session")
def described(live: Live) -> Described:
    with live.client() as client:
        made = client.post(f"{API}/workflows", json=definition(name="generated")).json()
        run = client.post(f"{API}/workflows/generated/runs?wait=10").json()
    schema = schemathesis.openapi.from_url(f"{live.url}{API}/openapi.json")
    ids = {"workflow_id": made["id"], "run_id": run["id"], "number": 1}
    return Described(schema, live.key, ids)


@pytest.mark.parametrize(
    ("method", "path", "real"),
    [(*each, False) for each in OPERATIONS if each[1] != STREAM]
    + [(*each, True) for each in OPERATIONS if HAS_IDS.search(each[1]) and each[0] != "DELETE"],
)
def test_generated_calls_are_answered_as_described(
    described: Described, method: str, path: str, real: bool
) -> None:
    ids = {k: v for k, v in described.ids.items() if f"{{{k}}}" in path}
    operation = described.schema[path][method]
    given_ids = {"path_parameters": ids} if real else {}

    @seed(1)
    @settings(BRIEFLY)
    @given(one_of(*(operation.as_strategy(mode, **given_ids) for mode in GenerationMode)))
    def check(case: Case) -> None:
        headers = {"Authorization": f"Bearer {described.key}"}
        case.call_and_validate(checks=CHECKS, headers=headers)

    check()
