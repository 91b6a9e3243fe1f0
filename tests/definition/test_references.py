"""References to what cannot be there are found when the workflow is saved."""

from __future__ import annotations

from typing import Any

import pytest

from tests.definition.support import check, flow, problems, step


def uses(expression: str, step_id: str = "b", **keys: Any) -> dict[str, Any]:
    return step(id=step_id, config={"values": {"v": f"{{{{ {expression} }}}}"}}, **keys)


FIRST = step(id="a")
GOOD = [
    [FIRST, uses("steps.a.a")],
    [FIRST, uses("a")],
    [FIRST, uses("anything.that.an.output.may.have")],
    [uses("trigger.body.x")],
    [uses("run.id")],
    [uses("workflow.version")],
    [uses("nothing | default(1)")],
    [step(id="a", on_error={"steps": [uses("error.message")]})],
    [step(id="a", on_error={"steps": [uses("steps.a.error.type")]})],
    [step(id="a", on_error={"steps": [step(id="h")]}), uses("steps.h.a")],
    [FIRST, step(id="b", **{"if": "{{ steps.a.a > 1 }}"})],
]
BAD = [
    ([uses("steps.a.x"), FIRST], "/steps/0/config/values/v", "does not run before"),
    ([uses("steps.b.x")], "/steps/0/config/values/v", "does not run before"),
    ([FIRST, uses("steps.aa.x")], "/steps/1/config/values/v", "did you mean 'a'"),
    ([FIRST, uses("steps.zzz.x")], "/steps/1/config/values/v", "there is no step 'zzz'"),
    ([uses("order.id")], "/steps/0/config/values/v", "no step ran before"),
    ([uses("triger.body")], "/steps/0/config/values/v", "did you mean 'trigger'"),
    ([uses("error.message")], "/steps/0/config/values/v", "on_error"),
    ([uses("item.x")], "/steps/0/config/values/v", "foreach"),
    ([uses("index")], "/steps/0/config/values/v", "foreach"),
    ([step(id="a", **{"if": "{{ steps.b.x }}"}), step(id="b")], "/steps/0/if", "does not run"),
    (
        [step(id="a", on_error={"steps": [uses("steps.c.x")]}), step(id="c")],
        "/steps/0/on_error/steps/0/config/values/v",
        "does not run before",
    ),
    (
        [step(id="a", on_error={"steps": [step(id="h")]}), uses("error.message")],
        "/steps/1/config/values/v",
        "on_error",
    ),
]


@pytest.mark.parametrize("steps", GOOD, ids=lambda steps: str(steps[-1])[:70])
def test_what_may_be_there_may_be_referred_to(steps: list[Any]) -> None:
    check(flow(*steps))


@pytest.mark.parametrize(("steps", "pointer", "words"), BAD)
def test_what_cannot_be_there_is_found(steps: list[Any], pointer: str, words: str) -> None:
    detail = problems(flow(*steps))[pointer]
    assert words in detail
    assert "line 1, column 4" in detail
