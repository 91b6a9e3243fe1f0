"""The workflows that the crash test runs, and how their runs may end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BUSY_CALLS = 2  # calls of a step that the sink's /busy refuses before it gives in


@dataclass(frozen=True)
class Spec:
    """One workflow.

    Attributes:
        errors: the error types with which its runs may fail, beside `poison`.
        may_succeed: whether its runs may succeed.
    """

    name: str
    steps: tuple[dict[str, Any], ...]
    errors: frozenset[str] = frozenset()
    may_succeed: bool = True

    @property
    def paths(self) -> list[str]:
        """The paths of the steps, in their order."""
        return [step["id"] for step in self.steps]

    def type_of(self, path: str) -> str:
        """A step's type."""
        return str(self.steps[self.paths.index(path)]["type"])

    def definition(self, sink: str) -> dict[str, Any]:
        """The workflow as it is saved.

        Args:
            sink: the sink's address.
        """
        steps = [_aimed(step, sink) for step in self.steps]
        return {"name": self.name, "triggers": [{"id": "hook", "type": "webhook"}], "steps": steps}


def _aimed(step: dict[str, Any], sink: str) -> dict[str, Any]:
    if "url" not in step.get("config", {}):
        return step
    url = f"{sink}/{step['config']['url']}/{{{{ run.id }}}}/{step['id']}"
    return {**step, "config": {**step["config"], "url": url}}


def _call(name: str, behaviour: str, kind: str = "webhook", **keys: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "config": {"url": behaviour}, **keys}


def _set(name: str, **values: str) -> dict[str, Any]:
    return {"id": name, "type": "set", "config": {"values": values}}


_TOKEN = _set("start", token="{{ trigger.body.token }}")
_PAUSE = {"id": "pause", "type": "delay", "config": {"seconds": "{{ trigger.body.delay }}"}}
_FEW = {"max_attempts": 2, "delay": 0.05}
_MANY = {"max_attempts": 6, "delay": 0.1, "max_delay": 0.2}

SPECS = {
    spec.name: spec
    for spec in (
        Spec(
            "relay",
            (
                _TOKEN,
                _call("first", "ok"),
                _PAUSE,
                _call("second", "ok"),
                _set(
                    "last",
                    token="{{ steps.start.token }}",
                    first="{{ steps.first.body.receipt }}",
                    second="{{ steps.second.body.receipt }}",
                ),
            ),
        ),
        Spec(
            "values",
            (_TOKEN, _set("copy", seen="{{ token }}"), _set("last", token="{{ seen }}")),
        ),
        Spec("stubborn", (_call("busy", "busy", retry=_MANY), _TOKEN)),
        Spec(
            "hopeless", (_call("broken", "broken", retry=_FEW),), frozenset({"http_status"}), False
        ),
        Spec(
            "caught",
            (
                _call("broken", "broken", retry={"max_attempts": 1}, on_error="continue"),
                _call("after", "ok"),
                _TOKEN,
            ),
        ),
        Spec(
            "charge",
            (_call("pay", "ok", "charge"), _call("tell", "ok"), _TOKEN),
            frozenset({"outcome_unknown"}),
        ),
    )
}


def receipt(run_id: str, step: str) -> str:
    """What the sink answers to a call, the same for every repeat."""
    return f"{step} of {run_id}"
