"""What holds on Postgres alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from minizaps.app import open_app
from minizaps.clock import ManualClock
from minizaps.errors import JournalUnavailable, SettingsInvalid
from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database
from minizaps.journal.postgres.batch import Batch
from minizaps.journal.postgres.database import PostgresDatabase
from minizaps.journal.records import Idempotency
from minizaps.journal.status import Kind, Status
from minizaps.settings import Settings
from tests.journal.runs import ROOM, WORKER, append, change, kinds_of, new_run, run_in, status_of
from tests.servers.postgres import PostgresServer

BY_ID = ("hold", "settle", "claim_known", "histories", "rescue")
HOT = ("start", "claim", "queued_projects", "wake", "next_due", "held", "left_behind", *BY_ID)
GATES = ("turn_count", "next_turn", "waiting_turns", "oldest_turns", "over_turns", "leave_turns")
GATES += (
    "due_gates",
    "next_gate_due",
    "gated",
    "pass_gates",
    "turn_away",
    "line_up",
    "to_follow_up",
    "ended",
)


@pytest.fixture
async def postgres(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    database = await PostgresDatabase.open(postgres_url)
    yield database
    await database.close()


def test_a_server_that_does_not_keep_what_it_confirms_is_refused() -> None:
    with PostgresServer(settings={"fsync": "off"}) as server:
        url = server.create_database("unsafe")
        with pytest.raises(SettingsInvalid, match="fsync=off"):
            asyncio.run(open_database(url))


async def test_a_database_without_synchronous_commit_is_refused(
    postgres_url: str, postgres_server: PostgresServer
) -> None:
    name = postgres_url.rpartition("/")[2]
    postgres_server.fetch(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with pytest.raises(SettingsInvalid, match="synchronous_commit=off"):
        await open_database(postgres_url)


async def test_a_missing_database_is_said(postgres_url: str) -> None:
    with pytest.raises(JournalUnavailable, match="does not exist"):
        await open_database(postgres_url + "_that_is_not_there")


async def test_writes_that_are_ready_together_share_a_transaction(
    postgres: PostgresDatabase, postgres_server: PostgresServer, clock: ManualClock
) -> None:
    journal = Journal(postgres, clock)
    before = await commits(postgres)
    started = await asyncio.gather(*(journal.start(new_run(), worker=WORKER) for _ in range(200)))
    done = [change(Kind.SUCCEED, clock.now())]
    await asyncio.gather(*(journal.append(s.run_id, 1, 2, done) for s in started))
    assert await commits(postgres) - before < 20


async def commits(database: PostgresDatabase) -> int:
    """Transactions that had an effect, by the counter that gives each its number."""
    rows = await database.select("SELECT pg_current_xact_id()::text::bigint", [])
    return int(rows[0][0])


async def test_one_bad_item_fails_alone() -> None:
    async def execute(items: Any) -> list[int]:
        return [10 // item for item in items]

    batch: Batch[int, int] = Batch(execute, lambda item: item)
    results = await asyncio.gather(*map(batch.write, (1, 0, 5)), return_exceptions=True)
    assert (results[0], type(results[1]), results[2]) == (10, ZeroDivisionError, 2)
    await batch.close()
    with pytest.raises(JournalUnavailable, match="closed"):
        await batch.write(1)


@pytest.mark.parametrize("key", [None, Idempotency("hook:a", "k", "digest")])
async def test_a_start_whose_answer_was_lost_is_one_run(
    key: Idempotency | None, postgres: PostgresDatabase, clock: ManualClock, cut: list[str]
) -> None:
    cut.append("INSERT INTO runs")
    started = await Journal(postgres, clock).start(new_run(idempotency=key))
    assert not cut
    assert started.created
    assert await kinds_of(postgres, started.run_id) == [Kind.START]
    assert await postgres.select("SELECT count(*) FROM runs", []) == [(1,)]


async def test_events_whose_answer_was_lost_are_written_once(
    postgres: PostgresDatabase, clock: ManualClock, cut: list[str]
) -> None:
    journal = Journal(postgres, clock)
    run_id = await run_in(Status.RUNNING, journal, postgres)
    cut.append("FOR NO KEY UPDATE OF r")
    await append(journal, postgres, run_id, 1, Kind.BEGIN)
    assert not cut
    assert await kinds_of(postgres, run_id) == [Kind.START, Kind.CLAIM, Kind.BEGIN]


@pytest.fixture
def cut(postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Statements with such a text do their work, but lose their answer; once each."""
    texts: list[str] = []
    fetch = asyncpg.Connection.fetch

    async def lossy(self: asyncpg.Connection, query: str, *values: Any, **keys: Any) -> Any:
        rows = await fetch(self, query, *values, **keys)
        if texts and texts[0] in query:
            texts.clear()
            self.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")
        return rows

    monkeypatch.setattr(asyncpg.Connection, "fetch", lossy)
    return texts


async def test_a_cancel_that_meets_a_write_of_the_worker_wins_in_the_end(
    postgres: PostgresDatabase, clock: ManualClock
) -> None:
    journal = Journal(postgres, clock)
    for _ in range(20):
        run_id = await run_in(Status.RUNNING, journal, postgres)
        begin = journal.append(run_id, 1, 2, [change(Kind.BEGIN, clock.now())])
        cancel = journal.cancel(run_id, "default", "ada")
        await asyncio.gather(begin, cancel, return_exceptions=True)
        assert await status_of(postgres, run_id) is Status.CANCELLED
        assert (await kinds_of(postgres, run_id))[-1] is Kind.CANCEL


async def test_nothing_is_woken_before_the_databases_own_clock_says_so(
    postgres: PostgresDatabase,
) -> None:
    ahead = ManualClock(postgres.clock.now() + 3_600_000)
    journal = Journal(postgres, ahead)
    run_id = await run_in(Status.RUNNING, journal, postgres)
    wait = change(Kind.WAIT, ahead.now())._replace(due_at=ahead.now() - 1_800_000)
    await journal.append(run_id, 1, 2, [wait])
    assert await journal.wake(10) == 0
    assert await status_of(postgres, run_id) is Status.WAITING


async def test_a_lost_notification_costs_at_most_two_seconds(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgres_url)
    async with open_app(settings) as app, open_app(settings, worker=False) as door:
        definition = app.engine.check(
            {"name": "x", "steps": [{"type": "set", "config": {"values": {"n": 1}}}]}
        )
        workflow = await door.catalog.create("default", definition, active=True, by="test")
        app.journal.runs_ready = lambda: None  # type: ignore[method-assign]
        before = time.monotonic()
        started = await door.start(new_run()._replace(workflow_id=workflow.id))
        async with asyncio.timeout(10):
            while await status_of_run(door, started.run_id) is not Status.SUCCEEDED:
                await asyncio.sleep(0.02)
        assert time.monotonic() - before < 2


async def status_of_run(app: Any, run_id: str) -> Status:
    status: Status = (await app.listings.run(run_id, "default")).status
    return status


@pytest.mark.parametrize("query", [*HOT, *GATES])
async def test_frequent_statements_go_by_the_index_even_where_a_table_was_empty(
    query: str, postgres: PostgresDatabase
) -> None:
    statement = postgres.queries[query]
    count = max((n for n in range(1, 30) if f"${n}" in statement), default=0)
    arguments = f"({', '.join(['NULL'] * count)})" if count else ""
    async with postgres._pool.acquire() as db:
        await db.execute("SET plan_cache_mode = force_generic_plan")
        await db.execute(f"PREPARE hot AS {statement}")
        lines = [line for (line,) in await db.fetch(f"EXPLAIN EXECUTE hot {arguments}")]
    plan = "\n".join(lines)
    assert "Seq Scan" not in plan
    if query in BY_ID:
        assert "Index Scan using runs_pkey on runs" in plan or query == "histories"
        assert "runs_running" not in plan
        assert "runs_queued" not in plan


async def test_a_claim_passes_over_what_another_is_claiming(
    postgres: PostgresDatabase, clock: ManualClock
) -> None:
    journals = [Journal(postgres, clock) for _ in range(8)]
    for _ in range(40):
        await journals[0].start(new_run())
    claims = await asyncio.gather(
        *(journal.claim(f"worker-{n}", ROOM) for n, journal in enumerate(journals))
    )
    ids = [claimed.run.id for claim in claims for claimed in claim]
    assert len(ids) == len(set(ids)) == 40
