"""How a worker is known to be alive."""

from __future__ import annotations

from typing import Protocol


class Told(Protocol):
    """What other processes say about runs."""

    def runs_ready(self) -> None:
        """Runs are queued."""

    def run_cancelled(self, run_id: str) -> None:
        """A run was cancelled."""

    def signalled(self, run_id: str) -> None:
        """A signal has come in for a run that a worker drives."""


class Membership(Protocol):
    """One worker's place among those of its database.

    Attributes:
        patience: for how many seconds after its last beat the worker may still drive its runs:
            nobody else takes them before.
    """

    @property
    def patience(self) -> float: ...

    async def join(self, worker: str) -> None:
        """Be known as alive from now on.

        Raises:
            WorkerLocked: the database is one for a single worker, and has it.
        """

    async def beat(self) -> bool:
        """Say that the worker is alive; False if it was found dead, so that its runs are others'.

        Raises:
            JournalUnavailable: nobody could be told.
        """

    async def bury(self) -> int:
        """Find the other workers that are dead; return how many were alive before."""

    async def leave(self) -> None:
        """Be gone; the worker holds no run any more."""
