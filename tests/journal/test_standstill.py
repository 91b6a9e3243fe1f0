"""A process that stands still in a write keeps the others waiting for a while only."""

from __future__ import annotations

import asyncio

import pytest

from minizaps.clock import ManualClock
from minizaps.errors import JournalUnavailable
from minizaps.journal.journal import Journal
from minizaps.journal.postgres.connection import PATIENCE, SESSION
from minizaps.journal.postgres.database import PostgresDatabase
from minizaps.journal.transaction import Transaction
from tests.journal.limited import claim, start

SETTING = "idle_in_transaction_session_timeout"


async def test_the_keys_of_a_process_that_stands_still_are_free_before_others_give_up(
    postgres_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert int(SESSION[SETTING].removesuffix("s")) < PATIENCE
    monkeypatch.setitem(SESSION, SETTING, "100ms")
    databases = [await PostgresDatabase.open(postgres_url, connections=2) for _ in range(2)]
    paused, journal = databases[0], Journal(databases[1], clock)
    held, goes_on = asyncio.Event(), asyncio.Event()

    async def stand_still(tx: Transaction) -> None:
        await tx.value("clock")
        held.set()
        await goes_on.wait()
        await tx.value("clock")

    standing = asyncio.create_task(paused.write(stand_still, ["concurrency:w:a"]))
    await held.wait()
    started = await start(journal, concurrency=("w:a", 1, "queue"))
    assert await claim(journal) == [started]
    goes_on.set()
    with pytest.raises(JournalUnavailable):
        await standing
    assert await paused.rows("clock"), "it goes on with another connection"
    for database in databases:
        await database.close()
