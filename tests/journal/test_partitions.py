"""A journal that is split into days, as deploy/partitions.sql does: the program works on it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from minizaps.app import App, open_app
from minizaps.clock import ManualClock
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database
from minizaps.journal.sizes import measure
from minizaps.journal.status import ENDED, Status
from minizaps.settings import Settings
from tests.journal.runs import new_run, run_in, status_of
from tests.journal.test_dump import exported, imported

SCRIPT = (Path(__file__).parents[2] / "deploy" / "partitions.sql").read_text()
STEPS = [
    {"type": "delay", "config": {"seconds": 0.05}},
    {"type": "set", "config": {"values": {"n": 1}}},
]
INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename IN ('runs', 'events') ORDER BY 1"
DAYS_AGO = 40


async def execute(url: str, script: str, *values: Any) -> list[Any]:
    db = await asyncpg.connect(url)
    try:
        return await db.fetch(script, *values) if values else await db.execute(script)
    finally:
        await db.close()


@pytest.fixture
async def old_runs(postgres_url: str) -> dict[Status, str]:
    """Runs of each status, all of one day some weeks ago; then the tables were split."""
    clock = ManualClock(int((datetime.now(UTC) - timedelta(days=DAYS_AGO)).timestamp() * 1000))
    database = await open_database(postgres_url)
    runs = {status: await run_in(status, Journal(database, clock), database) for status in Status}
    before = await database.select(INDEXES, [])
    await database.close()
    await execute(postgres_url, SCRIPT)
    database = await open_database(postgres_url)
    assert await database.select(INDEXES, []) == before
    await database.close()
    return runs


async def run_one(app: App) -> None:
    definition = app.engine.check({"name": "x", "steps": STEPS})
    saved = await app.catalog.create("default", definition, active=True, by="test")
    run_id = (await app.start(new_run()._replace(workflow_id=saved.id))).run_id
    while (run := await app.listings.run(run_id, "default")).status not in ENDED:
        await asyncio.sleep(0.02)
    assert run.status == "succeeded"


async def kept(database: Database, runs: dict[Status, str]) -> set[Status]:
    rows = await database.select("SELECT id::text FROM runs", [])
    there = {run_id for (run_id,) in rows}
    return {status for status, run_id in runs.items() if run_id in there}


async def test_an_old_day_is_dropped_and_what_is_needed_of_it_stays(
    postgres_url: str, old_runs: dict[Status, str], tmp_path: Path
) -> None:
    day = (datetime.now(UTC) - timedelta(days=DAYS_AGO)).date()
    settings = Settings(
        data_dir=tmp_path, database_url=postgres_url, run_retention_days=DAYS_AGO + 5
    )
    database = await open_database(postgres_url)
    assert await kept(database, old_runs) == set(Status)
    for status in (Status.SUCCEEDED, Status.WAITING):
        run_id = old_runs[status]
        await execute(postgres_url, "INSERT INTO signals VALUES ($1, 1, 1, 'a', '{}')", run_id)
        await execute(
            postgres_url, "INSERT INTO callbacks VALUES ($2, $1, 'a', 'any')", run_id, status
        )
    await execute(postgres_url, "SELECT drop_day($1, 30)", day)
    assert await kept(database, old_runs) == set(Status) - {Status.SUCCEEDED, Status.CANCELLED}
    for table in ("signals", "callbacks"):
        left = await database.select(f"SELECT run_id::text FROM {table}", [])
        assert [run_id for (run_id,) in left] == [old_runs[Status.WAITING]]
    await execute(postgres_url, "SELECT drop_day($1, 30)", day + timedelta(days=1))
    await execute(postgres_url, "SELECT make_days($1)", 40)
    async with open_app(settings) as app, asyncio.timeout(30):
        await run_one(app)
        while await status_of(database, old_runs[Status.WAITING]) == Status.WAITING:
            await asyncio.sleep(0.05)
    sizes = await measure(database)
    await database.close()
    assert {table.name: table.rows for table in sizes.tables}["runs"] == 5
    assert sizes.dead_letters >= 1


async def test_a_dump_goes_into_tables_that_are_split(
    postgres_url: str, old_runs: dict[Status, str], tmp_path: Path
) -> None:
    copy = f"sqlite:///{tmp_path}/copy.db"
    lines = await exported(postgres_url)
    assert (await imported(copy, lines))["runs"] == len(old_runs)
    assert (await exported(copy))[1:-1] == lines[1:-1]
