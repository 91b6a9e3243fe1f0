"""While an installation is upgraded, the older program runs on the newer tables."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from pathlib import Path

import asyncpg
import pytest

from minizaps.app import open_app
from minizaps.errors import JournalUnavailable
from minizaps.journal.open import open_database
from minizaps.journal.status import ENDED
from minizaps.settings import Settings
from tests.journal.runs import new_run

LATER = """
ALTER TABLE runs ADD COLUMN region text COLLATE "C" NOT NULL DEFAULT 'here';
ALTER TABLE workflows ADD COLUMN note text;
CREATE TABLE tags (run_id uuid PRIMARY KEY);
CREATE INDEX runs_by_region ON runs (region, id);
"""
STEPS = [
    {"type": "set", "config": {"values": {"n": 1}}},
    {"type": "delay", "config": {"seconds": 0.05}},
    {"type": "set", "config": {"values": {"m": "{{ n + 1 }}"}}},
]


async def migrate_later(url: str, oldest: str) -> None:
    """What a newer program would do at its start."""
    db = await asyncpg.connect(url)
    await db.execute(LATER)
    await db.execute("INSERT INTO migrations VALUES ('9999_later.sql', $1)", oldest)
    await db.close()


async def test_this_program_runs_on_newer_tables_that_let_it(
    postgres_url: str, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, database_url=postgres_url)
    async with open_app(settings) as running:
        await migrate_later(postgres_url, version("minizaps"))
        async with open_app(settings) as started, asyncio.timeout(20):
            definition = started.engine.check({"name": "x", "steps": STEPS})
            saved = await started.catalog.create("default", definition, active=True, by="test")
            for app in (running, started):
                new = new_run()._replace(workflow_id=saved.id)
                run_id = (await app.start(new)).run_id
                while (run := await app.listings.run(run_id, "default")).status not in ENDED:
                    await asyncio.sleep(0.02)
                assert run.status == "succeeded"


async def test_this_program_refuses_newer_tables_that_do_not_let_it(postgres_url: str) -> None:
    await migrate_later(postgres_url, "99.1.0")
    with pytest.raises(JournalUnavailable, match=r"9999_later.sql.*99.1.0 and later.*upgrade"):
        await open_database(postgres_url)
