"""What one test gives to its runs: mocks, and what is to be said to them later."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from minizaps.clock import ManualClock
from minizaps.errors import ConnectorError
from minizaps.simulation.paths import choose
from minizaps.simulation.written import Answer, Answers, Mock, MockError, Mocks

INSIDE = "/"  # between a step that calls a workflow and a step of that workflow


@dataclass(order=True)
class Post:
    """What is to be said to a run at a time.

    Attributes:
        name: of the signal: a step's path, or the id of a called run.
        said: somebody's answer, or what a called run's end says.
    """

    at: int
    number: int
    run_id: str = field(compare=False)
    name: str = field(compare=False)
    said: Answer | dict[str, Any] = field(compare=False)


class Stage:
    """The surroundings of one test's runs.

    Attributes:
        workflows: the names of the workflows that are there to be called.
        prefixes: what stands before the paths of each run's steps, by the run's id: nothing, or
            the name of the step that has called it and a `/`.
        refusals: what the test lacks.
    """

    def __init__(
        self, clock: ManualClock, mocks: Mocks, answers: Answers, workflows: Collection[str]
    ) -> None:
        self.clock = clock
        self.answers = answers
        self.workflows = workflows
        self.prefixes: dict[str, str] = {}
        self.refusals: list[str] = []
        self._mocks = mocks
        self._calls: Counter[str] = Counter()
        self._posts: list[Post] = []
        self._numbers = count()

    def name(self, run_id: str, path: str) -> str:
        """A step's name in the test."""
        return self.prefixes.get(run_id, "") + path

    def call(self, parent_id: str, path: str, run_id: str) -> None:
        """A step has started another run."""
        self.prefixes[run_id] = self.name(parent_id, path) + INSIDE

    def mock(self, name: str, attempt: int | None = None) -> Mock | None:
        """What an attempt of a step gives.

        Args:
            attempt: its number; if left out, one more than at the last time.
        """
        self._calls[name] += 1
        found = choose(self._mocks, name)
        if not isinstance(found, list):
            return found
        number = self._calls[name] if attempt is None else attempt
        return found[min(number, len(found)) - 1]

    def refuse(self, name: str, what: str) -> ConnectorError:
        """The error of a step that may not be executed here."""
        message = f'step {name} {what}: mock it: "mocks": {{"{name}": {{"output": {{...}}}}}}'
        if message not in self.refusals:
            self.refusals.append(message)
        return ConnectorError(message, type="not_mocked")

    def fail(self, error: MockError, takes: float) -> ConnectorError:
        """A mocked error, once its time has passed."""
        self.clock.advance(takes)
        return ConnectorError(
            error.message,
            type=error.type,
            retryable=error.retryable,
            retry_after=error.retry_after,
            details=error.details,
        )

    def post(self, after: float, run_id: str, name: str, said: Answer | dict[str, Any]) -> None:
        """Say something to a run later (see `Post`).

        Args:
            after: seconds from now.
        """
        at = self.clock.now() + round(after * 1000)
        heapq.heappush(self._posts, Post(at, next(self._numbers), run_id, name, said))

    @property
    def next_post(self) -> int | None:
        """When something is to be said next, in milliseconds."""
        return self._posts[0].at if self._posts else None

    def due_posts(self) -> list[Post]:
        """What is to be said now."""
        due = []
        while self._posts and self._posts[0].at <= self.clock.now():
            due.append(heapq.heappop(self._posts))
        return due
