"""The writes that change runs, one method a transition; each database has its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from minizaps.errors import Conflict, MinizapsError, NotFound
from minizaps.journal.records import Claimed, NewRun
from minizaps.journal.status import Kind, Status
from minizaps.journal.transaction import Transaction


class Start(NamedTuple):
    """A run row with its first events.

    Attributes:
        worker: the worker that takes the run at once; None where it is queued.
        created_at: when the run came.
        now: when it is accepted: later where it had to wait for the keys of its gates.
        gate: what keeps it from starting, and until when; None where nothing does.
        started: the facts of the event `start`, as JSON text.
        claimed: those of the event `claim`, where a worker takes the run.
    """

    run_id: str
    new: NewRun
    worker: str | None
    created_at: int
    now: int
    started: str
    claimed: str | None
    gate: tuple[str, int] | None = None


class Earlier(NamedTuple):
    """The run that an idempotency key has started before."""

    run_id: str
    body_hash: str


class Settled(NamedTuple):
    """What the run row says once a worker has put the run down.

    Attributes:
        signals: how many signals it has taken in; if there are more by now, the run is due.
    """

    status: Status
    due_at: int | None = None
    finished_at: int | None = None
    error_type: str | None = None
    error_path: str | None = None
    dead_letter: str | None = None
    signals: int = 0


class Append(NamedTuple):
    """Events of the holder of a lease.

    Attributes:
        seq: the number of the run's last event so far, as the holder knows it.
        events: time, kind, path, attempt and JSON text of each.
        settled: None where the run stays running.
    """

    run_id: str
    epoch: int
    seq: int
    events: Sequence[tuple[int, Kind, str | None, int | None, str | None]]
    settled: Settled | None


class Turn(NamedTuple):
    """A project whose queued runs may be claimed, and how many of them."""

    project: str
    allowed: int


class Transitions(Protocol):
    """Each method returns once what it did is on disk."""

    async def start(self, start: Start) -> Earlier | None:
        """Write a new run, unless its idempotency key is known: then return that key's run.

        Raises:
            LeaseLost: the parent is no longer held with its epoch; nothing was written.
        """

    async def replay(self, start: Start) -> Earlier | None:
        """As `start`, and note in the replayed run, which has to have ended, that it was.

        Raises:
            NotFound, Conflict: there is no such run, or it has not ended; nothing was written.
        """

    async def begin(self, tx: Transaction, start: Start) -> Earlier | None:
        """As `start` or `replay`, inside a write; on SQLite before anything else is changed."""

    async def begin_all(self, tx: Transaction, starts: Sequence[Start]) -> None:
        """Write new runs without parents inside a write; those whose key is known are left out."""

    async def claim(
        self, worker: str, turns: Sequence[Turn], limit: int, queued_until: int, now: int
    ) -> list[Claimed]:
        """Take queued runs, the projects' in their turn, with a new epoch each.

        Of a project those of the highest priority come first, then those that are ready longest.
        """

    async def claim_known(
        self, worker: str, ids: Sequence[str], full: Sequence[str], now: int
    ) -> list[Claimed]:
        """Take those of these runs that are queued, but none of the projects in `full`."""

    async def append(self, append: Append) -> bool:
        """Write events; False, and nothing written, if the lease is lost."""

    async def wake(self, now: int, limit: int) -> list[str]:
        """Queue the waiting runs that are due; return their ids."""

    async def rescue(self, leases: Collection[tuple[str, int]], now: int) -> list[str]:
        """Queue the runs with these leases; return the ids of those that still had them."""

    async def change(self, kind: Kind, run_id: str, project: str, now: int, facts: str) -> bool:
        """Cancel or discard; False, and nothing written, if the run is not in a status for it."""

    async def probe(self, now: int) -> None:
        """Write a row that matters to nobody."""

    async def forget(self, before: int, limit: int) -> int:
        """Drop idempotency keys from before a time; return how many."""

    async def forget_rates(self, before: int, limit: int) -> int:
        """Drop what is known of rates that limit nobody since before a time; return how many."""

    async def followed_up(self, run_id: str) -> None:
        """Note that nobody is left whom the end of a run concerns."""

    async def prune(self, bound: str, before: int, limit: int, *, dead_letters: bool) -> int:
        """Delete runs that ended before a time and whose id is below `bound`; return how many.

        Args:
            dead_letters: whether to delete open dead letters, else all others.
        """


_REFUSED = {
    Kind.CANCEL: "it has ended already",
    Kind.REPLAY: "only an ended run can be replayed",
    Kind.DISCARD: "it is no open dead letter",
}


def refusal(kind: Kind, run_id: str, status: Status | None) -> MinizapsError:
    """Why a person's change of a run was refused."""
    if status is None:
        return NotFound(f"there is no run {run_id}")
    return Conflict(f"the run is {status}: {_REFUSED[kind]}")
