"""What must hold between a run and the replays of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from minizaps.journal.status import Kind

from .evidence import Evidence


def check_replays(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Run ids, with what is wrong there: a replay is a run, once, and its origin knows of it."""
    made: dict[str, list[str]] = defaultdict(list)
    for run in evidence.runs.values():
        if run.replay_of is not None:
            made[run.replay_of].append(run.id)
    for origin, replays in made.items():
        known = evidence.runs.get(origin)
        noted = [event.data["run"] for event in known.of(Kind.REPLAY)] if known else []
        if sorted(noted) != sorted(replays):
            yield origin, f"it notes the replays {noted}, but the journal has {replays}"
    asked = {replay.of: replay for replay in evidence.replays}
    for origin in made.keys() - asked.keys():
        yield origin, "nobody asked for its replay"
    for replay in evidence.replays:
        acknowledged, present = set(replay.run_ids), set(made.get(replay.of, ()))
        if len(present) > 1:
            yield replay.of, f"one replay with one key made {len(present)} runs"
        for lost in acknowledged - present:
            yield replay.of, f"its replay {lost} was acknowledged, but the journal has none"
