"""A workflow as an outline, and the words that a picture has for it."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps.definition.graph import Row, outline
from tests.definition.support import check, flow, step

CALL = {"type": "workflow", "config": {"workflow": "ship"}}


def row_of(**keys: Any) -> Row:
    return outline(check(flow(keys))).steps[0]


@pytest.mark.parametrize(
    ("keys", "facts"),
    [
        (step(), ()),
        (step(retry={"max_attempts": 3}, timeout=5), ("3 tries", "timeout 5 s")),
        (step(retry={"max_attempts": 1}), ("1 try",)),
        (step(until="{{ a == 1 }}"), ("until a == 1",)),
        (step(retry={"delay": 1}), ()),
        (step(on_error="continue"), ("goes on if it fails",)),
        ({"type": "delay", "config": {"seconds": "P2D"}}, ("waits P2D",)),
        ({"type": "delay", "config": {"seconds": 0}}, ("waits 0 s",)),
        (
            {"type": "delay", "config": {"until": "{{ trigger.body.at }}"}},
            ("waits until trigger.body.at",),
        ),
        ({"type": "wait"}, ("waits for a call",)),
        (
            {"type": "wait", "config": {"approve": True, "timeout": "P2D"}},
            ("waits for an approval", "P2D at most"),
        ),
        (CALL, ("runs ship",)),
        (
            {"type": "workflow", "config": {"workflow": "ship", "wait": False}},
            ("runs ship", "does not wait for its end"),
        ),
        ({"type": "foreach", "config": {"items": [1]}, "steps": [step()]}, ("for 1 item",)),
        (
            {
                "type": "foreach",
                "config": {"items": [1, 2], "concurrency": 2, "on_item_error": "continue"},
                "steps": [step()],
            },
            ("for 2 items", "2 at a time", "goes on without failed items"),
        ),
        (
            {
                "type": "parallel",
                "config": {"on_branch_error": "continue"},
                "branches": [{"id": "b", "steps": [step()]}],
            },
            ("goes on without failed branches",),
        ),
    ],
)
def test_a_row_says_what_is_worth_knowing(keys: Any, facts: tuple[str, ...]) -> None:
    assert row_of(**keys).facts == facts


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        (True, None),
        (False, "false"),
        ("{{ trigger.body.a > 1 }}", "trigger.body.a > 1"),
        ("{{ trigger.body.a\n  and trigger.body.b }}", "trigger.body.a and trigger.body.b"),
    ],
)
def test_a_condition_is_shown_without_braces(condition: Any, shown: str | None) -> None:
    assert row_of(**step(**{"if": condition})).condition == shown


def test_text_around_an_expression_stays() -> None:
    row = row_of(type="delay", config={"until": "{{ trigger.body.day }}T09:00:00{{ '' }}Z"})
    assert row.facts == ("waits until {{ trigger.body.day }}T09:00:00{{ '' }}Z",)


def test_the_ways_of_a_block_come_in_their_order() -> None:
    row = row_of(
        type="switch",
        cases=[
            {"if": "{{ trigger.body.a }}", "steps": [step(id="a")]},
            {"if": True, "steps": [step(id="b")]},
        ],
        default=[step(id="c")],
        on_error={"steps": [step(id="d")]},
    )
    ways = [(way.kind, way.label, [inner.label for inner in way.rows]) for way in row.rows]
    assert ways == [
        ("way", "if trigger.body.a", ["a"]),
        ("way", "if true", ["b"]),
        ("way", "else", ["c"]),
        ("error", "on error", ["d"]),
    ]


@pytest.mark.parametrize(
    ("keys", "limits"),
    [
        ({}, ()),
        ({"timeout": "P7D", "priority": 5}, ("timeout P7D", "priority 5")),
        ({"concurrency": {"limit": 1}}, ("1 run at a time, others wait",)),
        (
            {
                "concurrency": {
                    "limit": 5,
                    "key": "{{ trigger.body.a }}",
                    "on_limit": "cancel_running",
                }
            },
            ("5 runs at a time per trigger.body.a, a new one cancels the oldest",),
        ),
        ({"rate": {"limit": 10, "per": "PT1M"}}, ("10 starts in PT1M",)),
        (
            {"debounce": {"for": 30, "key": "{{ trigger.body.a }}"}},
            ("debounced 30 s per trigger.body.a",),
        ),
    ],
)
def test_the_limits_of_a_workflow_are_said(keys: Any, limits: tuple[str, ...]) -> None:
    assert outline(check(flow(**keys))).limits == limits
