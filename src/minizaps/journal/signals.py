"""What comes in for a run from outside, and the URLs by which it comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from minizaps.clock import Clock
from minizaps.ids import token
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.mailbox import post
from minizaps.journal.records import Signal
from minizaps.journal.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Callback:
    """What a callback's token leads to.

    Attributes:
        answer: what a call of the URL says: `any`, `approve` or `reject`.
        message: what a person who opens the URL is told.
        secret: where the secret is that signs the call, if one does.
    """

    run_id: str
    path: str
    answer: str
    message: str | None
    secret: str | None


class Signals:
    """The mailbox of every run. A name stands for one signal: the first one counts."""

    def __init__(self, database: Database, journal: Journal, clock: Clock) -> None:
        self._db = database
        self._journal = journal
        self._clock = clock

    async def post(self, run_id: str, name: str, data: dict[str, Any]) -> bool:
        """Send a signal to a run, and wake it if it waits.

        Returns:
            False, and nothing is changed, if the run has one of this name.

        Raises:
            NotFound, Conflict: there is no such run, or it has ended.
        """
        moves = await post(self._db, run_id, name, data, self._clock)
        if moves is not None:
            self._journal.moved(moves)
        return moves is not None

    async def posted(self, run_id: str, name: str) -> dict[str, Any] | None:
        """The signal of a name; None where none has come in."""
        for (data,) in await self._db.rows("signal", run_id, name):
            found: dict[str, Any] = orjson.loads(data)
            return found
        return None

    async def unread(self, run_id: str, after: int) -> list[Signal]:
        """The signals that came in after number `after`, in their order."""
        rows = await self._db.rows("signals", run_id, after)
        return [Signal(number, name, at, orjson.loads(data)) for number, name, at, data in rows]

    async def callbacks(
        self,
        run_id: str,
        path: str,
        answers: Sequence[str],
        *,
        message: str | None,
        secret: str | None,
    ) -> dict[str, str]:
        """The tokens of a step's callbacks, made at the first call, by their answers."""
        made = {answer: token() for answer in answers}

        async def operation(tx: Transaction) -> None:
            for answer, new in made.items():
                row = (new, run_id, path, answer, message, secret)
                await tx.execute("insert_callback", *row)

        present = await self._tokens(run_id, path)
        if not present:
            await self._db.write(operation)
            present = await self._tokens(run_id, path)
        return {answer: present[answer] for answer in answers}

    async def tokens(self, run_id: str) -> dict[tuple[str, str], str]:
        """The tokens of a run's callbacks, by the step's path and the answer."""
        rows = await self._db.rows("callbacks", run_id)
        return {(path, answer): found for path, answer, found in rows}

    async def _tokens(self, run_id: str, path: str) -> dict[str, str]:
        return dict(await self._db.rows("callbacks_of", run_id, path))  # type: ignore[arg-type]

    async def callback(self, given: str) -> Callback | None:
        """What a token leads to; None if nothing."""
        for row in await self._db.rows("callback", given):
            return Callback(*row)
        return None
