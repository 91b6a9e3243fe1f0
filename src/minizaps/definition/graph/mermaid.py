"""A workflow as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minizaps.definition.graph.chart import Chart, Exit, Shape
from minizaps.definition.graph.words import BY_HAND, condition, facts, title
from minizaps.definition.tree import JsonObject

SHAPES = {
    "foreach": Shape.HEXAGON,
    "parallel": Shape.HEXAGON,
    "switch": Shape.DIAMOND,
    "workflow": Shape.SUBROUTINE,
    "wait": Shape.SLANTED,
}
Exits = list[Exit]


def mermaid(definition: JsonObject) -> str:
    """The flowchart of a definition that has been checked.

    Args:
        definition: as it is stored, with an id for every step and trigger.
    """
    chart = Chart()
    flow = _Flow(chart)
    flow.run(definition)
    if on_failure := definition.get("on_failure"):
        flow.after_failure(on_failure)
    return chart.text()


class _Flow:
    """Follows the steps; what leads to the next one is handed on as exits.

    Each exit is led to exactly one target, so a chart has few more edges than nodes.
    """

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def run(self, definition: JsonObject) -> None:
        """The whole run, from its triggers to its end; in a frame if something follows on it."""
        exits = list(self._triggers(definition.get("triggers") or ()))
        if definition.get("on_failure"):
            with self._chart.frame("run", f"workflow {definition['name']}"):
                exits = self._sequence(definition["steps"], exits)
        else:
            exits = self._sequence(definition["steps"], exits)
        self._end("done", "end", exits)

    def after_failure(self, steps: list[JsonObject]) -> None:
        """What runs when the run has failed."""
        with self._chart.frame("failing", "when the run fails"):
            exits = self._sequence(steps, [Exit("run", dotted=True)])
        self._end("failed", "failed", exits)

    def _triggers(self, triggers: Any) -> Iterator[Exit]:
        for trigger in triggers:
            node = f"t_{trigger['id']}"
            self._chart.node(node, Shape.STADIUM, [_named(trigger)])
            yield Exit(node)
        if not triggers:
            self._chart.node("begin", Shape.STADIUM, [BY_HAND])
            yield Exit("begin")

    def _end(self, node: str, label: str, exits: Exits) -> None:
        self._chart.node(node, Shape.STADIUM, [label])
        self._chart.edges(exits, node)

    def _sequence(self, steps: list[JsonObject], exits: Exits) -> Exits:
        for step in steps:
            exits = self._step(step, exits)
        return exits

    def _step(self, step: JsonObject, exits: Exits) -> Exits:
        skipped: Exits = []
        if (needed := condition(step)) is not None:
            fork = self._fork(step, exits)
            exits, skipped = [Exit(fork, f"if {needed}")], [Exit(fork, "else")]
        return [*self._done(step, exits), *self._on_error(step), *skipped]

    def _fork(self, step: JsonObject, exits: Exits) -> str:
        """A node that edges with conditions may leave from: the one before, or a new one."""
        if len(exits) == 1 and exits[0].is_plain:
            return exits[0].source
        fork = f"j_{step['id']}"
        self._chart.node(fork, Shape.CIRCLE, ["?"])
        self._chart.edges(exits, fork)
        return fork

    def _done(self, step: JsonObject, exits: Exits) -> Exits:
        match step["type"]:
            case "foreach":
                return self._foreach(step, exits)
            case "parallel":
                return self._parallel(step, exits)
            case "switch":
                return self._switch(step, exits)
            case "wait" if step.get("steps"):
                with self._chart.frame(f"f_{step['id']}", f"before {step['id']} waits"):
                    exits = self._sequence(step["steps"], exits)
        return [self._node(step, exits)]

    def _node(self, step: JsonObject, exits: Exits) -> Exit:
        node = f"s_{step['id']}"
        lines = [title(step), _named(step), *facts(step)]
        self._chart.node(node, SHAPES.get(step["type"], Shape.BOX), filter(None, lines))
        self._chart.edges(exits, node)
        return Exit(node)

    def _foreach(self, step: JsonObject, exits: Exits) -> Exits:
        first = self._node(step, exits)
        with self._chart.frame(f"f_{step['id']}", f"{step['id']}: each item"):
            return self._sequence(step["steps"], [first])

    def _parallel(self, step: JsonObject, exits: Exits) -> Exits:
        node = self._node(step, exits).source
        ends: Exits = []
        with self._chart.frame(f"f_{step['id']}", f"{step['id']}: beside each other"):
            for branch in step["branches"]:
                ends += self._sequence(branch["steps"], [Exit(node, branch["id"])])
        return ends

    def _switch(self, step: JsonObject, exits: Exits) -> Exits:
        node = self._node(step, exits).source
        ends: Exits = []
        for case in step["cases"]:
            label = f"if {condition(case) or 'true'}"
            ends += self._sequence(case["steps"], [Exit(node, label)])
        return ends + self._sequence(step.get("default") or [], [Exit(node, "else")])

    def _on_error(self, step: JsonObject) -> Exits:
        on_error = step.get("on_error", "fail")
        if on_error == "fail":
            return []
        failed = [Exit(f"s_{step['id']}", "on error", dotted=True)]
        return failed if on_error == "continue" else self._sequence(on_error["steps"], failed)


def _named(entry: JsonObject) -> str:
    return f"{entry['id']} · {entry['type']}"
