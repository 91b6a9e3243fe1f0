"""Claims on Postgres from a table with very many waiting and many ready runs."""

from __future__ import annotations

import time
from pathlib import Path

from bench.cluster import Cluster
from bench.options import Options
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
    """Measure batches of claims, in process; no statistics were gathered before."""
    waiting = options.many
    ready = waiting // READY_SHARE
    middle = Row("claims", f"of {BATCH} with {waiting:,} waiting, {ready:,} ready, p50", "ms")
    late = Row("claims", f"of {BATCH} with {waiting:,} waiting, {ready:,} ready, p99", "ms")
    rate = Row("claims", "runs claimed, one claimer", "runs/s")
    async with Cluster(folder) as cluster:
        url = await cluster.new_database()
        database = await PostgresDatabase.open(url)
        try:
            journal = Journal(database, database.clock)
            await cluster.value(FILL, "waiting", waiting, PROJECTS)
            await cluster.value(FILL, "queued", ready, PROJECTS)
            times, claimed, began = [], 0, time.perf_counter()
            while claimed < ready:
                start = time.perf_counter()
                claimed += len(await journal.claim("worker", Room(BATCH, BATCH)))
                times.append((time.perf_counter() - start) * 1000)
            middle.add(percentile(times, 0.5))
            late.add(percentile(times, 0.99))
            rate.add(claimed / (time.perf_counter() - began))
        finally:
            await database.close()
    return [middle, late, rate]
