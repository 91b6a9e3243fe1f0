"""What the campaigns wait for after a pause, with a worker process of its own."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database
from tests.journal.runs import new_run

from . import fencing
from .fencing import said, until_judged, until_said
from .server import Hung, Server


@pytest.fixture
async def worker(postgres_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    worker = Server(tmp_path, None, "worker", MINIZAPS_DATABASE_URL=postgres_url)
    yield worker
    await worker.kill("itself")


async def test_a_worker_that_was_taken_for_dead_says_so_also_if_it_drives_nothing(
    worker: Server, postgres_url: str
) -> None:
    assert await worker.start()
    db = await asyncpg.connect(postgres_url)
    await db.execute("DELETE FROM workers")
    await db.close()
    await until_said(worker, 0)
    assert said(worker) == 1


async def test_a_worker_that_dies_at_its_failpoint_when_it_goes_on_is_not_waited_for(
    worker: Server, postgres_url: str
) -> None:
    assert await worker.start("commit.before:1")
    worker.signal(signal.SIGSTOP)
    database = await open_database(postgres_url)
    await Journal(database, database.clock).start(new_run())
    await database.close()
    worker.signal(signal.SIGCONT)
    await until_said(worker, 0)
    assert (worker.running, said(worker)) == (False, 0)


async def test_a_silent_worker_that_nobody_takes_for_dead_is_told_from_one_that_does_not_notice(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until_judged(postgres_url)
    db = await asyncpg.connect(postgres_url)
    await db.execute("INSERT INTO workers (id, started_at, seen_at) VALUES ('a', 0, 0)")
    with monkeypatch.context() as patched:
        patched.setattr(fencing, "JUDGED_WITHIN", 0.2)
        with pytest.raises(Hung, match="nobody took it for dead"):
            await until_judged(postgres_url)
    async with asyncio.TaskGroup() as group:
        group.create_task(until_judged(postgres_url))
        await db.execute("DELETE FROM workers")
    await db.close()
