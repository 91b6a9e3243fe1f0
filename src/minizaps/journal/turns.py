"""The rows of the table `turns`: who waits at a gate, who has taken a turn, and who is next."""

from __future__ import annotations

from typing import NamedTuple

from minizaps.clock import LATEST
from minizaps.journal.rows import to_limits
from minizaps.journal.status import Kind, Status
from minizaps.journal.transaction import Transaction

DEBOUNCE, RATE, CONCURRENCY = "debounce", "rate", "concurrency"
EVERY = 1_000_000


class Turn(NamedTuple):
    """A run's row at a gate."""

    key: str
    taken: bool


class Arrival(NamedTuple):
    """A run that comes to a gate.

    Attributes:
        place: its place among all that arrive.
        deadline: when its timeout ends it.
    """

    run_id: str
    priority: int
    place: int
    now: int
    deadline: int

    def order(self, key: str) -> int:
        """The priority that counts at a gate: under a rate runs go in the order of arrival."""
        return self.priority if key.startswith(CONCURRENCY) else 0


class Moves(NamedTuple):
    """What has become of runs that others have moved.

    Attributes:
        signalled: those that are running, and for which a signal has come in.
        due_at: the earliest time at which one of them is looked at again.
    """

    queued: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    due_at: int = LATEST
    signalled: tuple[str, ...] = ()

    def and_queued(self, *ids: str) -> Moves:
        return self._replace(queued=(*self.queued, *ids))

    def and_cancelled(self, *ids: str) -> Moves:
        return self._replace(cancelled=(*self.cancelled, *ids))

    def and_these(self, other: Moves) -> Moves:
        return Moves(
            self.queued + other.queued,
            self.cancelled + other.cancelled,
            min(self.due_at, other.due_at),
            self.signalled + other.signalled,
        )

    def and_signalled(self, *ids: str) -> Moves:
        return self._replace(signalled=(*self.signalled, *ids))

    def and_due(self, at: int) -> Moves:
        return self._replace(due_at=min(self.due_at, at))


class Places:
    """Numbers arrivals: by the millisecond, and within one in the order of this process."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, now: int) -> int:
        """The next number at a time in milliseconds."""
        self._last = max(self._last + 1, now << 12)
        return self._last


def key_at(gate: str, key: str) -> str:
    """The key of a gate: the same text names other runs at another gate."""
    return f"{gate}:{key}"


async def ids_of(tx: Transaction, query: str, *values: object) -> list[str]:
    """The ids that a query gives."""
    return [run_id for (run_id,) in await tx.rows(query, *values)]


async def has_room(tx: Transaction, key: str, limit: int, priority: int) -> tuple[int, bool]:
    """How many runs have taken their turn, and whether one of a priority may take the next one.

    It may not overtake those that wait, which may go by another version's limit.
    """
    ((taken, ahead),) = await tx.rows("turn_count", key)
    return taken, taken < limit and (ahead is None or ahead < priority)


async def pass_on(tx: Transaction, name: str, now: int) -> list[str]:
    """Give the turns that are free under a concurrency key to those who wait for them."""
    key, queued = key_at(CONCURRENCY, name), list[str]()
    while following := await tx.rows("next_turn", key):
        ((run_id, status, text, taken),) = following
        concurrency = to_limits(text).concurrency
        if status != Status.WAITING or concurrency is None:
            await tx.rows("leave_turns", run_id, [key])
            continue
        if taken >= concurrency[1]:
            break
        await tx.execute("take_turn", key, run_id)
        await tx.value("pass_gates", run_id, now)
        await write_event(tx, run_id, now, Kind.WAKE)
        queued.append(run_id)
    return queued


async def turn_away(tx: Transaction, run_id: str, now: int, facts: str | None) -> bool:
    """Cancel a run for another one's sake; False if it has ended already."""
    if not await tx.value("turn_away", run_id, now):
        return False
    await write_event(tx, run_id, now, Kind.CANCEL, facts)
    return True


async def write_event(
    tx: Transaction, run_id: str, at: int, kind: Kind, facts: str | None = None
) -> None:
    """Add an event from outside the lease."""
    await tx.execute("add_event", run_id, at, kind, facts)
