"""Which queued runs are claimed next: projects take turns, each one's oldest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

import apsw

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

    def for_project(self, project: str) -> int:
        """How many runs of a project may be claimed."""
        return max(0, min(self.limit, self.share - self.held.get(project, 0)))


def choose(db: apsw.Connection, queries: dict[str, str], room: Room) -> tuple[list[str], bool]:
    """The ids of the queued runs to claim, and whether others stay queued.

    Looks at 64 projects at most, those whose turn is next.
    """
    projects = [project for (project,) in db.execute(queries["queued_projects"])]
    turn = [p for p in projects if p > room.after] + [p for p in projects if p <= room.after]
    more = len(turn) > PROJECTS
    queues = []
    for project in turn[:PROJECTS]:
        allowed = room.for_project(project)
        found = [i for (i,) in db.execute(queries["oldest_queued"], (project, allowed + 1))]
        more = more or len(found) > allowed
        queues.append(found[:allowed])
    rounds = [run_id for round_ in zip_longest(*queues) for run_id in round_ if run_id]
    return rounds[: room.limit], more or len(rounds) > room.limit
