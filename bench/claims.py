"""Claims on Postgres from a table with very many waiting and many ready runs."""

from __future__ import annotations

import time
from pathlib import Path

import asyncpg

from bench.options import Options
from bench.postgres import Postgres
from bench.table import Row, percentile
from minizaps.journal.claims import Room
from minizaps.journal.journal import Journal
from minizaps.journal.postgres.database import PostgresDatabase

READY_SHARE = 100  # of so many waiting runs, as many are ready as this divides
BATCH = 100
PROJECTS = 10
FILL = """
WITH made AS (
  INSERT INTO runs (id, project, workflow_id, version, status, epoch, trigger_id, trigger_type,
                    created_at, due_at, priority)
  SELECT gen_random_uuid(), 'project-' || n % $3, 'w', 1, $1, 0, 'hook', 'webhook', n,
         CASE WHEN $1 = 'queued' THEN n ELSE 4000000000000 + n END, 0
  FROM generate_series(1, $2::bigint) n
  RETURNING id
)
INSERT INTO events (run_id, seq, at, kind, data)
SELECT id, 1, 1, 'start', '{"trigger": {"id": "hook", "type": "webhook"}}' FROM made
"""


async def measure(folder: Path, options: Options) -> list[Row]:
    """Measure batches of claims, in process, against a table without waiting runs.

    No statistics are gathered, before or meanwhile. It is done once: the claims are many.
    """
    waiting = options.many
    ready = waiting // READY_SHARE
    what = f"{ready:,} ready, {waiting:,} waiting against none"
    middle = Row("claims", f"a claim of {BATCH}, {what}, p50", "ms")
    late = Row("claims", f"a claim of {BATCH}, {what}, p99", "ms")
    rate = Row("claims", "runs claimed, one claimer", "runs/s")
    with Postgres(folder) as postgres:
        base = await _claims(postgres, 0, ready)
        full = await _claims(postgres, waiting, ready)
    middle.add(percentile(full, 0.5), percentile(base, 0.5))
    late.add(percentile(full, 0.99), percentile(base, 0.99))
    rate.add(ready / sum(full) * 1000, ready / sum(base) * 1000)
    return [middle, late, rate]


async def _claims(postgres: Postgres, waiting: int, ready: int) -> list[float]:
    """Milliseconds of each claim until nothing is ready."""
    url = postgres.create()
    database = await PostgresDatabase.open(url)
    try:
        connection = await asyncpg.connect(url)
        for table in ("runs", "events"):
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        await connection.execute(FILL, "waiting", waiting, PROJECTS)
        await connection.execute(FILL, "queued", ready, PROJECTS)
        await connection.close()
        journal, times, claimed = Journal(database, database.clock), [], 0
        while claimed < ready:
            began = time.perf_counter()
            some = await journal.claim("worker", Room(BATCH, BATCH))
            times.append((time.perf_counter() - began) * 1000)
            if not some:
                raise RuntimeError(f"only {claimed} of {ready} runs could be claimed")
            claimed += len(some)
        return times
    finally:
        await database.close()
        postgres.drop(url)
