"""Opening a Postgres database while its server is going away."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from minizaps.errors import JournalUnavailable
from minizaps.journal.postgres.clock import DatabaseClock
from minizaps.journal.postgres.connection import LOCKS
from minizaps.journal.postgres.database import PostgresDatabase
from tests.servers.postgres import PostgresServer

WAITING = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = $1 AND wait_event_type = 'Lock' AND wait_event = 'advisory'
"""


async def test_a_session_that_ends_before_the_migrations_is_an_unavailable_journal(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    name = postgres_url.rpartition("/")[2]
    other = await asyncpg.connect(postgres_url)
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1, 0)", LOCKS)
        opening = asyncio.create_task(PostgresDatabase.open(postgres_url))
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(postgres_server.fetch, WAITING, name):
                await asyncio.sleep(0.02)
        with pytest.raises(JournalUnavailable):
            await opening
    await other.close()


async def test_nothing_is_left_of_a_database_that_could_not_be_opened(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: DatabaseClock) -> None:
        raise JournalUnavailable("the server is away again")

    monkeypatch.setattr(DatabaseClock, "set", fail)
    before = asyncio.all_tasks()
    with pytest.raises(JournalUnavailable):
        await PostgresDatabase.open(postgres_url)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
