"""What many processes do in the same instant."""

from __future__ import annotations

import asyncio
import sys

from minizaps.journal.open import open_database

from .evidence import select
from .race import race

OPEN = """
import asyncio, sys
from minizaps.journal.open import open_database
async def main():
    await (await open_database(sys.argv[1])).close()
asyncio.run(main())
"""


async def test_of_32_claimers_one_gets_the_run(postgres_url: str) -> None:
    assert await race(postgres_url, rounds=20) == [1] * 20


async def test_ten_processes_migrate_an_empty_database_at_once(fresh_postgres_url: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", OPEN, fresh_postgres_url)
        for _ in range(10)
    ]
    assert [await process.wait() for process in processes] == [0] * 10
    migrations = await select(fresh_postgres_url, "SELECT name FROM migrations")
    assert len(migrations) == len(set(migrations)) >= 1
    await (await open_database(fresh_postgres_url)).close()
