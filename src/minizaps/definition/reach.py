"""What the expressions of a definition may read where they stand: data that can be there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from minizaps.definition.expressions import Reference
from minizaps.definition.problems import suggest
from minizaps.definition.tree import JsonObject, members, sequences
from minizaps.errors import Problem

EVERYWHERE = frozenset({"trigger", "steps", "run", "workflow"})
_ELSEWHERE = {
    "error": "in the steps of an on_error and of on_failure",
    "item": "inside a foreach",
    "index": "inside a foreach",
    "callback": "in the steps of a wait",
}
_GIVES = {"foreach": {"item", "index"}, "wait": {"callback"}}

References = Mapping[str, Iterable[tuple[str, Reference]]]


@dataclass
class Reach:
    """Follows the steps in their order, and holds each reference against what has run before.

    Attributes:
        references: what each step reads, by the step's pointer, each with its own pointer.
        places: every step's pointer, by its id.
    """

    references: References
    places: Mapping[str, str]
    _problems: list[Problem] = field(default_factory=list)
    _loops: dict[str, str] = field(default_factory=dict)  # a foreach's pointer -> its id
    _forks: list[str] = field(default_factory=list)  # the pointers of the parallel blocks

    def problems(self, definition: JsonObject) -> list[Problem]:
        """Every reference to what cannot be there."""
        known: set[str] = set()
        self._sequence(definition.get("steps"), "/steps", known, EVERYWHERE)
        roots = EVERYWHERE | {"error"}
        self._sequence(definition.get("on_failure"), "/on_failure", known, roots)
        return self._problems

    def _sequence(
        self, steps: object, pointer: str, known: set[str], roots: frozenset[str]
    ) -> None:
        """Follow some steps; `known` grows by those that later steps may read."""
        for here, step in members(steps, pointer):
            for place, reference in self.references.get(here, ()):
                own = {str(step.get("id"))} if place == f"{here}/until" else set()
                if detail := self._wrong(reference, here, known | own, roots):
                    at = f"(line {reference.line}, column {reference.column})"
                    self._problems.append(Problem(place, f"{detail} {at}"))
            known |= self._inside(step, here, known, roots)

    def _inside(
        self, step: JsonObject, here: str, known: set[str], roots: frozenset[str]
    ) -> set[str]:
        """Follow what is inside a step; return what later steps may read of it and its inside."""
        kind, own = step.get("type"), str(step.get("id"))
        if kind == "foreach":
            self._loops[here] = own
        elif kind == "parallel":
            self._forks.append(here)
        inner_roots = roots | _GIVES.get(str(kind), set())
        left = {own}
        for sequence in sequences(step):
            handling = sequence.role == "on_error"
            inside = known | {own} if handling else set(known)
            before = set(inside)
            sequence_roots = roots | {"error"} if handling else inner_roots
            self._sequence(sequence.steps, here + sequence.pointer, inside, sequence_roots)
            if handling or kind != "foreach":
                left |= inside - before
        return left

    def _wrong(
        self, reference: Reference, here: str, known: set[str], roots: frozenset[str]
    ) -> str | None:
        root, *rest = reference.path
        if root == "steps" and rest and isinstance(rest[0], str):
            return None if rest[0] in known else self._not_before(rest[0], here, known)
        if root in roots:
            return None
        if root in _ELSEWHERE:
            return f"{root!r} is there only {_ELSEWHERE[str(root)]}"
        if not known and not reference.optional:
            hint = suggest(str(root), roots) or ": no step ran before this one"
            return f"there is no {str(root)!r}{hint}"
        return None

    def _not_before(self, step_id: str, here: str, known: set[str]) -> str:
        place = self.places.get(step_id)
        if place is None:
            return f"there is no step {step_id!r}{suggest(step_id, known)}"
        for loop, loop_id in self._loops.items():
            if place.startswith(f"{loop}/steps/") and not here.startswith(f"{loop}/steps/"):
                return f"step {step_id!r} runs once an item: read the list steps.{loop_id}"
        if any(place.startswith(f) and here.startswith(f"{f}/branches/") for f in self._forks):
            return f"step {step_id!r} runs in another branch, beside this step"
        return f"step {step_id!r} does not run before this one"


def before_start(references: Iterable[Reference]) -> Iterator[str]:
    """What is wrong with references that are read before the run has started."""
    for reference in references:
        if reference.path[0] not in ("trigger", "workflow"):
            yield (
                f"{str(reference.path[0])!r} is not there before the run starts: only 'trigger' "
                f"and 'workflow' are (line {reference.line}, column {reference.column})"
            )
