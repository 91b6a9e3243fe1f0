"""What the crash test knows of a workflow: its steps, lane by lane, and how its runs may end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Step = Mapping[str, Any]
BLOCKS = ("foreach", "parallel", "switch", "wait")
ON_FAILURE = "on_failure"
ASK = "ask"


@dataclass(frozen=True)
class From:
    """In an expected output: what a step has got from outside, by an answer or another run."""

    path: str
    name: str


@dataclass(frozen=True)
class Failed:
    """In an expected output: the error of an item."""

    type: str


@dataclass(frozen=True)
class Spec:
    """One workflow.

    Attributes:
        errors: the error types with which its runs may fail, beside `poison`.
        may_succeed: whether its runs may succeed.
        gives: what is in its runs' outputs: a path stands for the receipt of its call; what is
            not named is the receipt of the step of that name.
        called: whether other workflows call it, and nobody else.
        limits: what limits its runs.
        schedule: the times at which they start, as a schedule's config; nobody else asks for them.
    """

    name: str
    steps: tuple[Step, ...]
    errors: frozenset[str] = frozenset()
    may_succeed: bool = True
    on_failure: tuple[Step, ...] = ()
    gives: Mapping[str, Any] = field(default_factory=dict)
    called: bool = False
    limits: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)

    def definition(self, sink: str) -> dict[str, Any]:
        """The workflow as it is saved.

        Args:
            sink: the sink's address.
        """
        triggers: list[dict[str, Any]] = [{"id": "hook", "type": "webhook"}]
        if self.schedule:
            triggers.append({"id": "tick", "type": "schedule", "config": dict(self.schedule)})
        found = {
            "name": self.name,
            "triggers": triggers,
            **self.limits,
            "steps": [_aimed(step, sink, "") for step in self.steps],
        }
        if self.on_failure:
            found[ON_FAILURE] = [_aimed(step, sink, f"{ON_FAILURE}.") for step in self.on_failure]
        return found

    def lane(self, prefix: str) -> Sequence[Step]:
        """The steps of a lane, by what stands before their ids in their paths.

        Raises:
            KeyError: there is no such lane.
        """
        steps: Sequence[Step] = self.steps
        for name, key in levels(prefix.removesuffix(".")) if prefix else ():
            steps = self.on_failure if name == ON_FAILURE else inside(_named(steps, name), key)
        return steps

    def step(self, path: str) -> Step:
        """A step.

        Raises:
            KeyError: there is none of this path.
        """
        head, dot, name = path.rpartition(".")
        return _named(self.lane(head + dot), name)

    def type_of(self, path: str) -> str:
        """A step's type."""
        return str(self.step(path)["type"])

    def is_after(self, path: str, other: str) -> bool:
        """Whether a step has its turn only when another one is done."""
        prefix = ""
        for (name, key), (other_name, other_key) in zip(levels(path), levels(other), strict=False):
            if name != other_name:
                if ON_FAILURE in (name, other_name):
                    return False
                names = [step["id"] for step in self.lane(prefix)]
                return names.index(name) > names.index(other_name)
            if key != other_key:
                return False
            prefix += name + ("" if key is None else f"[{key}]") + "."
        return False


def levels(path: str) -> Iterator[tuple[str, str | None]]:
    """A path from the outside in: `each[3].insert` is `each`, `3` and `insert`, None."""
    for part in path.split("."):
        name, bracket, key = part.removesuffix("]").partition("[")
        yield name, key if bracket else None


def inside(step: Step, key: str | None) -> Sequence[Step]:
    """The steps of one of a step's lanes; those of its `on_error` have no key."""
    if key is None:
        handlers: Sequence[Step] = step["on_error"]["steps"]
        return handlers
    match step["type"]:
        case "parallel":
            return next(b["steps"] for b in step["branches"] if b["id"] == key)  # type: ignore[no-any-return]
        case "switch":
            return step["default"] if key == "default" else step["cases"][int(key)]["steps"]  # type: ignore[no-any-return]
    return step["steps"]  # type: ignore[no-any-return]


def _named(steps: Sequence[Step], name: str) -> Step:
    for step in steps:
        if step["id"] == name:
            return step
    raise KeyError(name)


def _aimed(step: Step, sink: str, prefix: str) -> dict[str, Any]:
    """A step with the sink's address in its URL, and those inside it."""
    path, aimed = f"{prefix}{step['id']}", dict(step)

    def all_aimed(steps: Sequence[Step], prefix: str) -> list[dict[str, Any]]:
        return [_aimed(inner, sink, prefix) for inner in steps]

    match step["type"]:
        case "foreach":
            number = step.get("number", "{{ index }}")
            aimed["steps"] = all_aimed(step["steps"], f"{path}[{number}].")
        case "wait":
            aimed["steps"] = all_aimed(step["steps"], f"{path}[{ASK}].")
        case "parallel":
            aimed["branches"] = [
                {**b, "steps": all_aimed(b["steps"], f"{path}[{b['id']}].")}
                for b in step["branches"]
            ]
        case "switch":
            aimed["cases"] = [
                {**case, "steps": all_aimed(case["steps"], f"{path}[{n}].")}
                for n, case in enumerate(step["cases"])
            ]
            aimed["default"] = all_aimed(step["default"], f"{path}[default].")
    if isinstance(step.get("on_error"), dict):
        aimed["on_error"] = {"steps": all_aimed(step["on_error"]["steps"], f"{path}.")}
    if "url" in step.get("config", {}):
        url = f"{sink}/{step['config']['url']}/{{{{ run.id }}}}/{path}"
        aimed["config"] = {**step["config"], "url": url}
    aimed.pop("number", None)
    return aimed
