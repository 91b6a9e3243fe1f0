"""A definition is checked when it is saved: every problem, at its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import Field

from minizaps import ConnectorConfig
from minizaps.definition.check import check_definition
from minizaps.errors import DefinitionInvalid
from tests.definition.support import check, flow, problems, step

SMALLEST = {"name": "hello", "steps": [{"type": "delay", "config": {"seconds": 1}}]}
WEBHOOK = {"type": "webhook", "config": {"url": "https://a.test/"}}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


GOOD: dict[str, Any] = {
    "the smallest": SMALLEST,
    "500 steps": flow(*(step() for _ in range(500))),
    "a delay of nothing": flow(step(type="delay", config={"seconds": 0})),
    "a delay of ten years": flow(step(type="delay", config={"seconds": 366 * 86400 * 10})),
    "a delay by an expression": flow(
        step(type="delay", config={"seconds": "{{ trigger.body.s }}"})
    ),
    "a delay by a sum": flow(step(type="delay", config={"seconds": "{{ 60 * 5 }}"})),
    "a delay until an hour from now": flow(
        step(type="delay", config={"until": "{{ now() | date_add('PT1H') }}"})
    ),
    "a delay until a time": flow(step(type="delay", config={"until": "2030-01-01T00:00:00Z"})),
    "every key": flow(
        {
            "id": "a",
            "name": "A",
            "type": "webhook",
            "config": {"url": "https://a.test/", "json": None},
            "if": "{{ trigger.body.total > 100 }}",
            "retry": {"max_attempts": 5, "delay": "PT2S", "backoff": 2, "max_delay": 60.5},
            "timeout": "PT30S",
            "on_error": {"steps": [step(id="b", config={"values": {"e": "{{ error.message }}"}})]},
        },
        description="d",
        timeout="P30D",
        triggers=[{"id": "shop", "type": "webhook", "config": {}}, {"type": "manual"}],
        input_schema={"type": "object", "required": ["id"]},
    ),
    "an id as long as may be": flow(step(id="a" * 63)),
    "one id for a step and a trigger": flow(step(id="a"), triggers=[{"id": "a", "type": "manual"}]),
    "a condition that is a constant": flow(step(**{"if": False})),
}

BAD: dict[str, tuple[Any, str, str]] = {
    "no object": ([], "", "object"),
    "null": (None, "", "object"),
    "no name": ({"steps": [step()]}, "/name", "required"),
    "an empty name": (flow(name=""), "/name", "at least 1"),
    "a long name": (flow(name="x" * 201), "/name", "at most 200"),
    "a name that is a number": (flow(name=5), "/name", "string"),
    "no steps": ({"name": "flow"}, "/steps", "required"),
    "an empty list of steps": ({"name": "flow", "steps": []}, "/steps", "at least 1"),
    "steps that are no list": ({"name": "flow", "steps": {}}, "/steps", "list"),
    "a step that is no object": (flow("delay"), "/steps/0", ""),
    "501 steps": (flow(*(step() for _ in range(501))), "/steps", "501"),
    "501 steps, nested ones too": (
        flow(*(step(on_error={"steps": [step()]}) for _ in range(251))),
        "/steps",
        "502",
    ),
    "too large": (flow(description="x" * 10, steps=[step(name="x" * 2**18)]), "", "262144"),
    "too deep": (
        flow(step(config={"values": nested(61)})),
        "/steps/0/config/values" + "/0" * 60,
        "",
    ),
    "no type": (flow({"config": {}}), "/steps/0/type", "required"),
    "a type that is a number": (flow(step(type=1)), "/steps/0/type", "string"),
    "an unknown type": (flow(step(type="webhok")), "/steps/0/type", "did you mean 'webhook'?"),
    "a type like no other": (
        flow(step(type="x")),
        "/steps/0/type",
        "known are csv, delay, ",
    ),
    "an unknown key": (flow(colour=1), "/colour", "unknown key"),
    "an unknown key of a step": (flow(step(retries=1)), "/steps/0/retries", "did you mean 'retry'"),
    "an unknown key of a retry": (
        flow(step(retry={"max_atempts": 2})),
        "/steps/0/retry/max_atempts",
        "'max_attempts'",
    ),
    "an unknown key of a trigger": (
        flow(triggers=[{"type": "webhook", "url": 1}]),
        "/triggers/0/url",
        "unknown key",
    ),
    "an unknown key of a trigger's config": (
        flow(triggers=[{"type": "webhook", "config": {"x": 1}}]),
        "/triggers/0/config/x",
        "unknown",
    ),
    "an unknown key of an on_error": (
        flow(step(on_error={"steps": [step()], "retry": {}})),
        "/steps/0/on_error/retry",
        "unknown",
    ),
    "an unknown key of a config": (
        flow(step(type="delay", config={"until": "2030-01-01T00:00:00Z", "secnds": 1})),
        "/steps/0/config/secnds",
        "did you mean 'seconds'",
    ),
    "an unknown key of a config, given by an expression": (
        flow(step(type="delay", config={"secnds": "{{ trigger.body }}"})),
        "/steps/0/config/secnds",
        "did you mean 'seconds'",
    ),
    "a config that lacks a field": (flow(step(config={})), "/steps/0/config/values", "required"),
    "a config that is a list": (flow(step(config=[])), "/steps/0/config", "object"),
    "a config that is text": (flow(step(config="{{ trigger.body }}")), "/steps/0/config", "object"),
    "a config that is null": (flow(step(config=None)), "/steps/0/config", "object"),
    "a delay of two kinds": (
        flow(step(type="delay", config={"seconds": 1, "until": "2030-01-01T00:00:00Z"})),
        "/steps/0/config",
        "exactly one",
    ),
    "a delay of no kind": (flow(step(type="delay", config={})), "/steps/0/config", "exactly one"),
    "a time without a zone": (
        flow(step(type="delay", config={"until": "2030-01-01T00:00:00"})),
        "/steps/0/config/until",
        "zone",
    ),
    "a URL that is none": (
        flow(step(type="webhook", config={"url": "ftp://a.test"})),
        "/steps/0/config/url",
        "http",
    ),
    "a nested field": (
        flow(step(type="webhook", config={**WEBHOOK["config"], "headers": {"X": {}}})),
        "/steps/0/config/headers/X",
        "string",
    ),
    "a credential for a step type that takes none": (
        flow(step(credential="shop")),
        "/steps/0/credential",
        "takes no credential",
    ),
    "a credential's name that is none": (
        flow(step(credential="a b")),
        "/steps/0/credential",
        "match",
    ),
    "a step that may take no time": (flow(step(timeout=0)), "/steps/0/timeout", "greater than 0"),
    "a run that may take no time": (flow(timeout="PT0S"), "/timeout", "greater than 0"),
    "no retry at all": (flow(step(retry={"max_attempts": 0})), "/steps/0/retry/max_attempts", "1"),
    "too many retries": (
        flow(step(retry={"max_attempts": 101})),
        "/steps/0/retry/max_attempts",
        "",
    ),
    "a backoff that shrinks": (flow(step(retry={"backoff": 0.5})), "/steps/0/retry/backoff", "1"),
    "a negative retry delay": (
        flow(step(retry={"delay": -1})),
        "/steps/0/retry/delay",
        "0 or more",
    ),
    "an on_error that is none": (flow(step(on_error="ignore")), "/steps/0/on_error", "'continue'"),
    "an on_error without steps": (
        flow(step(on_error={"steps": []})),
        "/steps/0/on_error/steps",
        "at least 1",
    ),
    "a bad step of an on_error": (
        flow(step(on_error={"steps": [step(type="x")]})),
        "/steps/0/on_error/steps/0/type",
        "x",
    ),
    "a condition that is no expression": (
        flow(step(**{"if": "yes"})),
        "/steps/0/if",
        "one expression",
    ),
    "a condition that cannot be read": (flow(step(**{"if": "{{ 1 + }}"})), "/steps/0/if", "line 1"),
    "a condition that is a list": (flow(step(**{"if": []})), "/steps/0/if", ""),
    "an expression that cannot be read": (
        flow(step(config={"values": {"a": ["{{ 1 + }}"]}})),
        "/steps/0/config/values/a/0",
        "line 1",
    ),
    "triggers that are a number": (flow(triggers=5), "/triggers", "list"),
    "triggers that are an object": (flow(triggers={}), "/triggers", "list"),
    "triggers that are text": (flow(triggers="webhook"), "/triggers", "list"),
    "too many triggers": (flow(triggers=[{"type": "webhook"}] * 51), "/triggers", "50"),
    "an unknown trigger": (flow(triggers=[{"type": "webhok"}]), "/triggers/0/type", "'webhook'"),
    "a trigger that is no object": (flow(triggers=["webhook"]), "/triggers/0", ""),
    "an input schema of no kind": (flow(input_schema=5), "/input_schema", "boolean"),
    "an input schema that is none": (
        flow(input_schema={"type": "text"}),
        "/input_schema/type",
        "'text'",
    ),
    "NUL": (flow(name="a\0"), "/name", "NUL"),
    "a key with NUL": (flow(step(config={"values": {"\0": 1}})), "/steps/0/config/values", "NUL"),
    "half a surrogate pair": (flow(name="\ud800"), "", "surrogates"),
    "not a number": (
        flow(step(config={"values": {"a": float("nan")}})),
        "/steps/0/config/values/a",
        "finite",
    ),
    "infinity": (
        flow(step(config={"values": {"a": [float("inf")]}})),
        "/steps/0/config/values/a/0",
        "finite",
    ),
    "a large integer": (
        flow(step(config={"values": {"a": 2**64}})),
        "/steps/0/config/values/a",
        "64 bits",
    ),
    "a set": (flow(step(config={"values": {"a": {1}}})), "", "not JSON"),
}

DURATIONS = [
    "P1M",
    "P1Y",
    "PT",
    "P",
    "",
    "1",
    "PT5",
    "P1DT",
    "5 minutes",
    -1,
    -0.001,
    1e15,
    "-PT1S",
    "P1W2D",
    "PT1.5M",
    "pt5m",
    "P99999999D",
    True,
    [],
    "PT٣S",
    "PT1e3S",
]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_definition_is_stored_as_it_was_written_with_ids(name: str) -> None:
    stored = check(GOOD[name])
    assert check(stored) == stored
    assert json.dumps(stored).replace(" ", "")
    assert all("id" in each for each in stored["steps"])


@pytest.mark.parametrize("name", BAD)
def test_a_bad_definition_is_refused_at_its_place(name: str) -> None:
    raw, pointer, words = BAD[name]
    found = problems(raw)
    assert pointer in found
    assert words in found[pointer]


def test_what_is_checked_is_not_changed() -> None:
    raw = flow(step())
    before = json.dumps(raw)
    assert check(raw) is not raw
    assert json.dumps(raw) == before


@pytest.mark.parametrize("value", DURATIONS, ids=repr)
@pytest.mark.parametrize("place", ["delay", "step", "run", "retry"])
def test_a_bad_duration_is_refused_wherever_it_stands(value: Any, place: str) -> None:
    raw, pointer = {
        "delay": (flow(step(type="delay", config={"seconds": value})), "/steps/0/config/seconds"),
        "step": (flow(step(timeout=value)), "/steps/0/timeout"),
        "run": (flow(timeout=value), "/timeout"),
        "retry": (flow(step(retry={"max_delay": value})), "/steps/0/retry/max_delay"),
    }[place]
    assert "duration" in problems(raw)[pointer]


def test_problems_come_in_the_order_of_the_text_and_each_once() -> None:
    found = list(problems(flow(*(step(type="x") for _ in range(12)), colour=1)))
    assert found == sorted(
        found, key=lambda p: [int(x) if x.isdigit() else -1 for x in p.split("/")]
    )
    assert found[-1] == "/steps/11/type" or found[0] == "/steps/0/type"
    assert len(found) == 13


class Fixed(ConnectorConfig):
    """A text that takes no expression, and one that does."""

    query: str = Field(alias="q", json_schema_extra={"template": False})
    other: str = ""


@pytest.mark.parametrize("q", ["{{ trigger.body }}", "x {{ 1 }}", "{{ broken"])
def test_a_field_can_be_closed_to_expressions(q: str) -> None:
    def made(config: dict[str, str]) -> dict[str, Any]:
        return check_definition(flow({"type": "fixed", "config": config}), {"fixed": Fixed})

    assert made({"q": "x { }", "other": "{{ trigger.body }}"})
    with pytest.raises(DefinitionInvalid, match="/steps/0/config/q: is fixed: no expression"):
        made({"q": q})
