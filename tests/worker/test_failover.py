"""The primary dies, its standby takes over: every run that was accepted ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

from minizaps.app import App, open_app
from minizaps.errors import JournalUnavailable
from minizaps.journal.records import NewRun
from minizaps.journal.status import ENDED
from minizaps.settings import Settings
from tests.journal.runs import new_run
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_standby import PostgresStandby

STEPS = [
    {"type": "set", "config": {"values": {"n": 1}}},
    {"type": "delay", "config": {"seconds": 0.5}},
    {"type": "set", "config": {"values": {"m": 2}}},
]


async def accepted(app: App, new: NewRun) -> str:
    """Start a run, again and again until it is accepted."""
    while True:
        try:
            return (await app.start(new)).run_id
        except JournalUnavailable:
            await asyncio.sleep(0.05)


async def test_a_failover_loses_no_run(tmp_path: Path) -> None:
    with PostgresServer() as primary:
        url = primary.create_database("minizaps")
        with PostgresStandby(primary) as standby:
            hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
            url = url.replace(f"127.0.0.1:{primary.port}", hosts)
            settings = Settings(
                data_dir=tmp_path, database_url=f"{url}?target_session_attrs=read-write"
            )
            async with open_app(settings) as app, asyncio.timeout(60):
                definition = app.engine.check({"name": "x", "steps": STEPS})
                saved = await app.catalog.create("default", definition, active=True, by="test")
                new = new_run()._replace(workflow_id=saved.id)
                ids = [await accepted(app, new) for _ in range(20)]
                await asyncio.to_thread(primary.kill)
                starting = asyncio.create_task(accepted(app, new))
                await asyncio.to_thread(standby.promote)
                ids.append(await starting)
                for run_id in ids:
                    while (await app.listings.run(run_id, "default")).status not in ENDED:
                        await asyncio.sleep(0.05)
                statuses = {(await app.listings.run(i, "default")).status for i in ids}
                assert statuses == {"succeeded"}
