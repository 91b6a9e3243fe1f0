"""The disk under the tables is full: nothing is accepted, nothing is lost, and it passes."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from minizaps.app import App, open_app
from minizaps.errors import JournalUnavailable
from minizaps.journal.records import NewRun
from minizaps.journal.status import ENDED
from minizaps.settings import Settings
from tests.journal.runs import new_run
from tests.servers.places import server_user
from tests.servers.postgres import PostgresServer


@pytest.fixture
def small_disk(postgres_server: PostgresServer) -> Iterator[Path]:
    """A tmpfs of 24 MiB that the server may write."""
    place = postgres_server.folder / "small"
    place.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m,mode=1777", "small", place],
        capture_output=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def fill(app: App, new: NewRun, accepted: list[str]) -> None:
    for _ in range(500):
        accepted.append((await app.start(new)).run_id)


async def test_a_full_disk_loses_nothing_and_passes(
    small_disk: Path, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    tables = small_disk / "tables"
    tables.mkdir()
    subprocess.run(["chown", f"{server_user().get('user', 0)}", tables], check=True)
    postgres_server.fetch(f"CREATE TABLESPACE small OWNER minizaps LOCATION '{tables}'")
    url = postgres_server.create_database("small_disk")
    postgres_server.fetch("ALTER DATABASE small_disk SET default_tablespace = small")
    try:
        async with open_app(Settings(data_dir=tmp_path, database_url=url)) as app:
            definition = app.engine.check(
                {"name": "x", "steps": [{"type": "set", "config": {"values": {"n": 1}}}]}
            )
            saved = await app.catalog.create("default", definition, active=True, by="test")
            large = new_run()._replace(
                workflow_id=saved.id,
                trigger={**new_run().trigger, "body": [n * 7919 for n in range(60_000)]},
            )
            accepted: list[str] = []
            with pytest.raises(JournalUnavailable, match="No space left"):
                await fill(app, large, accepted)
            with pytest.raises(JournalUnavailable):
                await app.start(large)
            subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
            accepted.append((await app.start(large)).run_id)
            async with asyncio.timeout(60):
                for run_id in accepted:
                    while (await app.listings.run(run_id, "default")).status not in ENDED:
                        await asyncio.sleep(0.05)
    finally:
        postgres_server.drop_database("small_disk")
        postgres_server.fetch("DROP TABLESPACE small")
