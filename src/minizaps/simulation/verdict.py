"""Holding what a run did against what was expected of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from minizaps.simulation.matching import ABSENT, Compared, compare
from minizaps.simulation.observed import Seen, SeenStep
from minizaps.simulation.paths import named, names
from minizaps.simulation.written import Expect, ExpectedStep

CLOSE = 0.1  # seconds: each retry takes a millisecond more than its wait
NOT_STARTED = "not started"


class Verdict(NamedTuple):
    """Whether a run did what was expected; if not, the two to be compared."""

    passed: bool
    expected: dict[str, Any]
    found: dict[str, Any]


def judge(expect: Expect, seen: Seen) -> Verdict:
    """Compare a run with what is expected of it."""
    judge = _Judge()
    status = expect.status or ("failed" if expect.error is not None else "succeeded")
    given = expect.model_fields_set
    judge.compare("status", status, seen.status)
    if expect.error is not None:
        judge.compare("error", expect.error, ABSENT if seen.error is None else seen.error)
    elif seen.error is not None and seen.status != status:
        judge.found["error"] = seen.error
    if "output" in given:
        output = seen.output if seen.status == "succeeded" else ABSENT
        judge.compare("output", expect.output, output, exact=True)
    if expect.took is not None:
        close = abs(expect.took - seen.took) < CLOSE
        wanted = duration(expect.took)
        judge.compare("took", wanted, wanted if close else duration(seen.took))
    judge.steps(expect, seen)
    if expect.order:
        judge.order(expect.order, seen)
    counts = expect.calls | dict.fromkeys(expect.never, 0)
    found = {name: _calls(name, seen) for name in counts}
    if counts:
        judge.compare("calls", counts, found)
    return Verdict(judge.passed, judge.expected, judge.found)


def duration(seconds: float) -> str:
    """A duration in ISO 8601, to the tenth of a second."""
    tenths = round(seconds * 10)
    days, tenths = divmod(tenths, 864_000)
    hours, tenths = divmod(tenths, 36_000)
    minutes, tenths = divmod(tenths, 600)
    parts = [(days, "D"), (0, "T"), (hours, "H"), (minutes, "M"), (tenths / 10, "S")]
    clock = "".join(f"{value:g}{unit}" for value, unit in parts[2:] if value)
    day = f"{days}D" if days else ""
    return f"P{day}T{clock}" if clock else f"P{day}" if day else "PT0S"


class _Judge:
    def __init__(self) -> None:
        self.passed = True
        self.expected: dict[str, Any] = {}
        self.found: dict[str, Any] = {}

    def compare(self, key: str, expected: Any, found: Any, *, exact: bool = False) -> None:
        self._take(key, compare(expected, found, exact=exact))

    def _take(self, key: str, compared: Compared) -> None:
        self.passed = self.passed and compared.equal
        self.expected[key] = compared.expected
        if compared.found is not ABSENT:
            self.found[key] = compared.found

    def steps(self, expect: Expect, seen: Seen) -> None:
        by_name = {step.name: step for step in seen.steps}
        inner = _Judge()
        for name, wanted in expect.steps.items():
            for path in named(name, by_name) or [name]:
                inner.step(path, wanted, by_name.get(path))
        if expect.steps:
            self._take("steps", Compared(inner.passed, inner.expected, inner.found))

    def step(self, path: str, wanted: ExpectedStep, step: SeenStep | None) -> None:
        """One step, whose parts stand under its name."""
        given = wanted.model_fields_set
        if step is None:
            written = wanted.model_dump(include=given)
            self._take(path, Compared(False, written, NOT_STARTED))
            return
        inner = _Judge()
        for key in ("status", "attempts", "input", "output", "error"):
            if key in given:
                found = getattr(step, key)
                inner.compare(key, getattr(wanted, key), found, exact=key == "output")
        self._take(path, Compared(inner.passed, inner.expected, inner.found))

    def order(self, wanted: list[str], seen: Seen) -> None:
        started = [step.name for step in seen.started]
        left = list(wanted)
        for path in started:
            if left and names(left[0], path):
                del left[0]
        found = [next((n for n in wanted if names(n, p)), "") for p in started]
        shown = [n for i, n in enumerate(found) if n and found[i - 1 : i] != [n]]
        self._take("order", Compared(not left, wanted, shown if left else wanted))


def _calls(name: str, seen: Seen) -> int:
    return sum(step.attempts for step in seen.started if names(name, step.name))
