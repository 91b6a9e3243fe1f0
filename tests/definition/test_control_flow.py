"""Blocks, calls, waits and limits are checked when they are saved, inside and afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from minizaps.definition.schema import definition_schema
from tests.definition.support import MODELS, check, flow, problems, step

VALIDATOR = Draft202012Validator(definition_schema(MODELS, {}))


def reads(path: str, **keys: Any) -> dict[str, Any]:
    return step(config={"values": {"x": "{{ " + path + " }}"}}, **keys)


def foreach(*steps: dict[str, Any], **config: Any) -> dict[str, Any]:
    given = {"items": "{{ trigger.body }}", **config}
    return {"id": "each", "type": "foreach", "config": given, "steps": list(steps) or [step()]}


def parallel(*branches: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    named = [{"id": f"b{n}", "steps": steps} for n, steps in enumerate(branches)]
    return {"id": "par", "type": "parallel", "branches": named, **keys}


def switch(*cases: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"id": "choose", "type": "switch", "cases": list(cases), **keys}


def wait(*steps: dict[str, Any], **config: Any) -> dict[str, Any]:
    inner = {"steps": list(steps)} if steps else {}
    return {"id": "answer", "type": "wait", "config": config, **inner}


def call(**config: Any) -> dict[str, Any]:
    return {"id": "sub", "type": "workflow", "config": {"workflow": "other", **config}}


CASE = {"if": "{{ trigger.body > 1 }}", "steps": [step(id="a")]}
INNER = step(id="a")

GOOD: dict[str, Any] = {
    "a loop over a list": flow(foreach(items=[1, "{{ trigger.body }}"])),
    "a loop whose width is computed": flow(foreach(concurrency="{{ trigger.body.n }}")),
    "item and index": flow(foreach(reads("item.sku"), reads("index + 1"))),
    "item deep inside": flow(foreach(parallel([switch({**CASE, "steps": [reads("item")]})]))),
    "a step before it in its item": flow(foreach(INNER, reads("steps.a"))),
    "the loop afterwards": flow(foreach(INNER), reads("steps.each[0]")),
    "the loop in its own on_error": flow(
        {**foreach(INNER), "on_error": {"steps": [reads("steps.each.error")]}}
    ),
    "branches, their results and their steps": flow(
        parallel([INNER], [step(id="b")]), reads("steps.par.b0"), reads("steps.a"), reads("b1")
    ),
    "what was before in a branch": flow(step(id="z"), parallel([reads("steps.z")])),
    "a case's steps afterwards": flow(switch(CASE), reads("steps.a")),
    "a default": flow(switch(CASE, default=[step(id="b")]), reads("steps.b")),
    "a case that is a constant": flow(switch({"if": False, "steps": [step()]})),
    "a call with an input": flow(call(input={"n": "{{ trigger.body }}"}, wait=False)),
    "a call with retry and timeout": flow({**call(), "retry": {"max_attempts": 2}, "timeout": 5}),
    "a wait for a computed time": flow(wait(timeout="{{ trigger.body.days * 86400 }}")),
    "a callback where it is asked for": flow(wait(reads("callback.url"))),
    "a callback inside a loop in a wait": flow(wait(foreach(reads("callback.url")))),
    "who asked, afterwards": flow(wait(INNER), reads("steps.a"), reads("steps.answer.approved")),
    "error in on_failure, and all steps": flow(
        parallel([INNER]), on_failure=[reads("error.type"), reads("steps.a")]
    ),
    "limits": flow(
        concurrency={"key": "{{ trigger.body.id }}", "limit": 1, "on_limit": "skip"},
        rate={"limit": 10, "per": "PT1M"},
        debounce={"key": "{{ workflow.name }}", "for": 5},
    ),
    "until": flow(step(id="a", until="{{ steps.a.a == 1 and a == 1 }}")),
}

BAD: dict[str, tuple[Any, str, str]] = {
    "no items": (
        flow({"type": "foreach", "config": {}, "steps": [step()]}),
        "/steps/0/config/items",
        "required",
    ),
    "no config": (flow({"type": "foreach", "steps": [step()]}), "/steps/0/config", "required"),
    "no steps": (flow({"type": "foreach", "config": {"items": []}}), "/steps/0/steps", "required"),
    "an empty loop": (flow({**foreach(), "steps": []}), "/steps/0/steps", "at least 1"),
    "too many items": (flow(foreach(items=[1] * 10_001)), "/steps/0/config/items", "10000"),
    "items that are text": (flow(foreach(items="abc")), "/steps/0/config/items", "list"),
    "a width of nothing": (flow(foreach(concurrency=0)), "/steps/0/config/concurrency", "1"),
    "a width beyond all bounds": (
        flow(foreach(concurrency=101)),
        "/steps/0/config/concurrency",
        "100",
    ),
    "an unknown key of a loop": (
        flow(foreach(concurency=2)),
        "/steps/0/config/concurency",
        "did you mean 'concurrency'",
    ),
    "retry on a block": (flow({**foreach(), "retry": {}}), "/steps/0/retry", "unknown key"),
    "steps on a connector's step": (flow(step(steps=[step()])), "/steps/0/steps", "unknown key"),
    "item outside": (
        flow(foreach(), reads("item")),
        "/steps/1/config/values/x",
        "inside a foreach",
    ),
    "an item's step afterwards": (
        flow(foreach(INNER), reads("steps.a")),
        "/steps/1/config/values/x",
        "runs once an item: read the list steps.each",
    ),
    "the loop inside itself": (
        flow(foreach(reads("steps.each"))),
        "/steps/0/steps/0/config/values/x",
        "does not run before",
    ),
    "another branch": (
        flow(parallel([INNER], [reads("steps.a")])),
        "/steps/0/branches/1/steps/0/config/values/x",
        "in another branch, beside",
    ),
    "a later step": (
        flow(parallel([reads("steps.z")]), step(id="z")),
        "/steps/0/branches/0/steps/0/config/values/x",
        "does not run before",
    ),
    "another case": (
        flow(switch(CASE, {"if": True, "steps": [reads("steps.a")]})),
        "/steps/0/cases/1/steps/0/config/values/x",
        "does not run before",
    ),
    "two branches of one id": (
        flow({"type": "parallel", "branches": [{"id": "a", "steps": [step()]}] * 2}),
        "/steps/0/branches/1/id",
        "taken",
    ),
    "a branch without an id": (
        flow({"type": "parallel", "branches": [{"steps": [step()]}]}),
        "/steps/0/branches/0/id",
        "required",
    ),
    "one id twice, deep inside": (
        flow(foreach(step(id="x")), switch({"if": True, "steps": [step(id="x")]})),
        "/steps/1/cases/0/steps/0/id",
        "taken by /steps/0/steps/0",
    ),
    "no cases": (flow({"type": "switch", "cases": []}), "/steps/0/cases", "at least 1"),
    "a case without a condition": (
        flow(switch({"steps": [step()]})),
        "/steps/0/cases/0/if",
        "required",
    ),
    "a case that cannot be read": (
        flow(switch({"if": "{{ a >", "steps": [step()]})),
        "/steps/0/cases/0/if",
        "",
    ),
    "a config of a switch": (flow(switch(CASE, config={"x": 1})), "/steps/0/config", "unknown key"),
    "a call of nothing": (
        flow({"type": "workflow", "config": {}}),
        "/steps/0/config/workflow",
        "required",
    ),
    "a call by a computed name": (
        flow(call(workflow="{{ trigger.body }}")),
        "/steps/0/config/workflow",
        "no expression",
    ),
    "a callback outside": (
        flow(wait(), reads("callback.url")),
        "/steps/1/config/values/x",
        "in the steps of a wait",
    ),
    "a secret whose place is computed": (
        flow(wait(secret="{{ trigger.body }}")),
        "/steps/0/config/secret",
        "no expression",
    ),
    "a message with NUL": (flow(wait(message="a\x00")), "/steps/0/config/message", "NUL"),
    "a secret that is no credential's name": (
        flow(wait(secret="hunter 2")),
        "/steps/0/config/secret",
        "pattern",
    ),
    "error outside": (
        flow(reads("error")),
        "/steps/0/config/values/x",
        "on_error and of on_failure",
    ),
    "an empty on_failure": (flow(on_failure=[]), "/on_failure", "at least 1"),
    "an item's step in on_failure": (
        flow(foreach(INNER), on_failure=[reads("steps.a")]),
        "/on_failure/0/config/values/x",
        "once an item",
    ),
    "a reserved id": (flow(step(id="on_failure")), "/steps/0/id", "reserved"),
    "a limit of nothing": (flow(concurrency={"limit": 0}), "/concurrency/limit", "1"),
    "an unknown way at the limit": (
        flow(concurrency={"limit": 1, "on_limit": "drop"}),
        "/concurrency/on_limit",
        "queue",
    ),
    "a rate without a span": (flow(rate={"limit": 1}), "/rate/per", "required"),
    "a debounce of days": (flow(debounce={"for": "P2D"}), "/debounce/for", "a day at most"),
    "a key that reads steps": (
        flow(rate={"limit": 1, "per": 1, "key": "{{ steps.a }}"}),
        "/rate/key",
        "not there before the run starts",
    ),
    "a key that cannot be read": (flow(debounce={"for": 1, "key": "{{ a"}), "/debounce/key", ""),
    "an until that reads what is later": (
        flow(step(until="{{ steps.b.n == 1 }}"), step(id="b")),
        "/steps/0/until",
        "does not run before",
    ),
    "its own output before it": (
        flow(reads("steps.a", id="a")),
        "/steps/0/config/values/x",
        "does not run before",
    ),
}
BEYOND = {
    "a secret whose place is computed", "a message with NUL",
    "two branches of one id", "one id twice, deep inside", "a case that cannot be read",
    "item outside", "an item's step afterwards", "the loop inside itself", "another branch",
    "a later step", "another case", "a callback outside", "error outside",
    "an item's step in on_failure", "a debounce of days", "a key that reads steps",
    "a key that cannot be read", "an until that reads what is later", "its own output before it",
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_good_definition_is_stored_and_meets_the_schema(name: str) -> None:
    assert list(VALIDATOR.iter_errors(check(GOOD[name]))) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_definition_is_refused_at_its_place(name: str) -> None:
    raw, pointer, words = BAD[name]
    found = problems(raw)
    assert pointer in found, found
    assert words in found[pointer]


@pytest.mark.parametrize("name", [name for name in BAD if name not in BEYOND])
def test_the_schema_refuses_what_the_check_refuses(name: str) -> None:
    assert list(VALIDATOR.iter_errors(BAD[name][0]))


def test_ids_are_made_for_steps_inside_blocks() -> None:
    inner = [{"type": "set", "config": {"values": {}}}, {"type": "set", "config": {"values": {}}}]
    case = {"if": True, "steps": [dict(inner[0])]}
    blocks = [
        {"type": "foreach", "config": {"items": []}, "steps": inner},
        {"type": "switch", "cases": [case], "default": [dict(inner[0])]},
    ]
    stored = check(flow(*blocks, on_failure=[dict(inner[0])]))
    loop, chosen = stored["steps"]
    assert [s["id"] for s in loop["steps"]] == ["set_1", "set_2"]
    assert (chosen["cases"][0]["steps"][0]["id"], chosen["default"][0]["id"]) == ("set_3", "set_4")
    assert stored["on_failure"][0]["id"] == "set_5"
    assert (loop["id"], chosen["id"]) == ("foreach_1", "switch_1")
