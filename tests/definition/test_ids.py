"""Ids: made from names and types, unique, and none that expressions could mistake."""

from __future__ import annotations

from typing import Any

import pytest

from minizaps.definition.steps import RESERVED
from tests.definition.support import check, flow, problems, step


@pytest.mark.parametrize(
    ("steps", "ids"),
    [
        ([step(), step()], ["set_1", "set_2"]),
        ([step(id="set_1"), step()], ["set_1", "set_2"]),
        ([step(), step(id="set_1")], ["set_2", "set_1"]),
        ([step(name="Make a Sum!")], ["make_a_sum"]),
        ([step(name="Same"), step(name="same")], ["same", "same_1"]),
        ([step(name="if")], ["if_1"]),
        ([step(name="Trigger")], ["trigger_1"]),
        ([step(name="Ärger")], ["arger"]),
        ([step(name="日本")], ["set_1"]),
        ([step(name="1st")], ["set_1"]),
        ([step(name="x" * 200)], ["x" * 50]),
        ([step(id=None)], ["set_1"]),
    ],
)
def test_a_step_without_an_id_gets_one(steps: list[Any], ids: list[str]) -> None:
    assert [s["id"] for s in check(flow(*steps))["steps"]] == ids


def test_steps_of_an_on_error_get_ids_of_their_own() -> None:
    stored = check(flow(step(on_error={"steps": [step(), step()]}), step()))
    handlers = stored["steps"][0]["on_error"]["steps"]
    ids = [stored["steps"][0]["id"], *(s["id"] for s in handlers), stored["steps"][1]["id"]]
    assert ids == ["set_1", "set_2", "set_3", "set_4"]


@pytest.mark.parametrize("trigger_id", [{}, {"id": None}])
def test_a_trigger_without_an_id_gets_one(trigger_id: dict[str, None]) -> None:
    stored = check(flow(triggers=[{"type": "webhook", **trigger_id}]))
    assert [t["id"] for t in stored["triggers"]] == ["webhook_1"]


@pytest.mark.parametrize("reserved", sorted(RESERVED))
def test_a_reserved_word_is_no_id(reserved: str) -> None:
    assert "reserved" in problems(flow(step(id=reserved)))["/steps/0/id"]


@pytest.mark.parametrize(
    "bad",
    ["", "A", "1a", "a-b", "a b", "a.b", "ä", "__class__", "_a", "a" * 64, "a\n", 5, [], {}, True],
)
def test_an_id_has_few_characters(bad: Any) -> None:
    assert "/steps/0/id" in problems(flow(step(id=bad)))
    assert "/triggers/0/id" in problems(flow(triggers=[{"type": "manual", "id": bad}]))


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (flow(step(id="a"), step(id="a")), "/steps/1/id"),
        (flow(step(id="a", on_error={"steps": [step(id="a")]})), "/steps/0/on_error/steps/0/id"),
        (
            flow(triggers=[{"id": "a", "type": "manual"}, {"id": "a", "type": "webhook"}]),
            "/triggers/1/id",
        ),
    ],
)
def test_an_id_is_taken_once(raw: Any, pointer: str) -> None:
    assert "taken by" in problems(raw)[pointer]
