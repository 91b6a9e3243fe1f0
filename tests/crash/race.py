"""Many claimers and one run, again and again: each time one of them gets it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from minizaps.journal.claims import Room
from minizaps.journal.journal import Journal
from minizaps.journal.postgres.database import PostgresDatabase
from minizaps.journal.records import NewRun

TRIGGER = {"id": "manual", "type": "manual", "body": None, "headers": {}, "query": {}}


async def race(url: str, rounds: int, claimers: int = 32) -> list[int]:
    """The number of winners of each round."""
    async with AsyncExitStack() as stack:
        journals = []
        for _ in range(claimers):
            database = await PostgresDatabase.open(url, connections=2)
            stack.push_async_callback(database.close)
            journals.append(Journal(database, database.clock))
        winners = []
        for _ in range(rounds):
            started = await journals[0].start(NewRun("default", "w", 1, TRIGGER))
            claims = await asyncio.gather(
                *(j.claim(f"worker-{n}", Room(10, 10)) for n, j in enumerate(journals))
            )
            won = [claimed for claim in claims for claimed in claim]
            assert {claimed.run.id for claimed in won} == {started.run_id}
            winners.append(len(won))
        return winners
