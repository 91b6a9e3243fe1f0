"""What the end of a run means for other runs, done once it has ended, at least once.

The run's row says that this is still to be done (`follow_up`), until all of it is: a process that
dies anywhere leaves it to the next look.
"""

from __future__ import annotations

from minizaps.clock import Clock
from minizaps.journal import family, gates
from minizaps.journal.database import Database
from minizaps.journal.rows import to_limits
from minizaps.journal.turns import Moves


async def follow_up(database: Database, run_id: str, clock: Clock) -> Moves:
    """Do for other runs what the end of this one asks, unless it is done already.

    Each part of it may be done again.

    Returns:
        what became of the others.
    """
    moves = Moves()
    for limits, project, parent_id, awaited in await database.rows("ended", run_id):
        if limits is not None:
            moves = moves.and_these(await _give_turn_on(database, run_id, limits, clock))
        if awaited:
            moves = moves.and_these(await family.tell_parent(database, run_id, parent_id, clock))
        ended, children = await family.end_children(database, run_id, project, clock)
        moves = moves.and_these(ended)
        for child in children:
            moves = moves.and_these(await follow_up(database, child, clock))
        await database.transitions.followed_up(run_id)
    return moves


async def _give_turn_on(database: Database, run_id: str, limits: str, clock: Clock) -> Moves:
    """Let the runs go on that waited for this one's turn."""
    found = to_limits(limits)
    keys = gates.keys_of(found)
    return await database.write(lambda tx: gates.leave(tx, run_id, found, clock), keys)
