"""Which queued runs are claimed next: projects take turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from minizaps.journal.transitions import Turn

PROJECTS = 64


@dataclass(frozen=True, slots=True)
class Room:
    """What a worker has room for.

    Attributes:
        limit: runs in all.
        share: runs of one project, those that it has already included.
        held: how many runs of each project the worker has already.
        after: the project whose turn was last; those after it come first.
    """

    limit: int
    share: int
    held: Mapping[str, int] = field(default_factory=dict)
    after: str = ""

    @property
    def full(self) -> list[str]:
        """The projects that have their share."""
        return [project for project, held in self.held.items() if held >= self.share]

    def turns(self, projects: Sequence[str]) -> list[Turn]:
        """Whose turn it is, of the projects that have queued runs; 64 at most.

        Args:
            projects: sorted.
        """
        order = [p for p in projects if p > self.after] + [p for p in projects if p <= self.after]
        order = order[:PROJECTS]
        each = -(-self.limit // max(1, len(order)))
        return [Turn(p, max(0, min(each, self.share - self.held.get(p, 0)))) for p in order]
