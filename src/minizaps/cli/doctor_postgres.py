"""What `minizaps doctor` asks of a Postgres server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import version
from statistics import median
from typing import Any

from minizaps.errors import MinizapsError
from minizaps.journal.postgres.connection import UNAVAILABLE, connect, order, unavailable
from minizaps.journal.postgres.membership import UNSEEN
from minizaps.journal.queries import load_queries
from minizaps.journal.schema import known_migrations
from minizaps.settings import Settings, shown

OLDEST = 15
TIMES = 20
SLOW_ANSWER_MS = 10.0
SLOW_COMMIT_MS = 50.0
CLOCKS_APART_MS = 5_000
Finding = tuple[bool, str]


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Whether each thing is well, and what was found."""
    name = f"database {shown(settings.database)}"
    try:
        db = await connect(settings.database)
    except MinizapsError as error:
        yield False, f"{name}: {error}"
        return
    examination = _Examination(db, settings)
    try:
        async for finding in examination.findings():
            yield finding
    except UNAVAILABLE as error:
        yield False, f"{name}: {unavailable(error)}"
    finally:
        db.terminate()


class _Examination:
    def __init__(self, db: Any, settings: Settings) -> None:
        self._db = db
        self._q = load_queries("postgres")
        self._settings = settings

    async def findings(self) -> AsyncIterator[Finding]:
        found = dict(await self._db.fetch(self._q["doctor_settings"]))
        yield self._server(found)
        for finding in _durability(found):
            yield finding
        yield await self._answer()
        yield await self._clock()
        yield await self._connections(found)
        good = found["autovacuum"] == found["track_counts"] == "on"
        advice = "" if good else ": set it on, with track_counts=on, or the tables grow for ever"
        yield good, f"autovacuum: {found['autovacuum']}{advice}"
        if await self._db.fetchval("SELECT pg_is_in_recovery()"):
            yield False, "standby: it takes no writes; set target_session_attrs=read-write"
            return
        if not await self._db.fetchval("SELECT to_regclass('migrations') IS NOT NULL"):
            yield True, "tables: not there yet; the first start makes them"
            return
        yield await self._migrations()
        yield await self._commit()
        async for finding in self._workers():
            yield finding

    def _server(self, found: Mapping[str, str]) -> Finding:
        release = found["server_version"]
        good = int(release.partition(".")[0]) >= OLDEST
        advice = "" if good else f": Mini-Zaps is tested with {OLDEST} and later"
        return good, f"database {shown(self._settings.database)}: Postgres {release}{advice}"

    async def _answer(self) -> Finding:
        each = await self._time("SELECT 1")
        advice = "" if each < SLOW_ANSWER_MS else ": bring the processes nearer to the database"
        return each < SLOW_ANSWER_MS, f"round trip: {each:.2f} ms{advice}"

    async def _commit(self) -> Finding:
        now = int(await self._db.fetchval(self._q["clock"]))
        each = await self._time(self._q["probe"], now)
        good = each < SLOW_COMMIT_MS
        advice = "" if good else ": look at the server's disk, and at its synchronous standbys"
        return good, f"commit: {each:.2f} ms until a write is on disk{advice}"

    async def _time(self, statement: str, *values: object) -> float:
        """The median of some calls, in milliseconds."""
        took = []
        for _ in range(TIMES):
            start = time.perf_counter()
            await self._db.execute(statement, *values)
            took.append((time.perf_counter() - start) * 1000)
        return median(took)

    async def _clock(self) -> Finding:
        before = time.time()
        there = float(await self._db.fetchval(self._q["clock"]))
        apart = abs(there - (before + time.time()) * 500)
        good = apart < CLOCKS_APART_MS
        advice = "" if good else ": the database's time is what counts; let NTP set both"
        return good, f"clock: {apart:.0f} ms between this machine and the database{advice}"

    async def _connections(self, found: Mapping[str, str]) -> Finding:
        most = int(found["max_connections"]) - int(found["superuser_reserved_connections"])
        used, ours = await self._db.fetchrow(self._q["doctor_connections"])
        a_process = self._settings.database_connections + 1
        good = most - used >= a_process
        advice = (
            ""
            if good
            else ": raise max_connections, or lower MINIZAPS_DATABASE_CONNECTIONS everywhere"
        )
        return good, (
            f"connections: {used} of {most} in use, {ours} by Mini-Zaps; a process takes up to "
            f"{a_process}{advice}"
        )

    async def _migrations(self) -> Finding:
        done = dict(await self._db.fetch(self._q["doctor_migrations"]))
        known = known_migrations("postgres")
        if missing := [name for name in known if name not in done]:
            return True, f"migrations: the next start runs {', '.join(missing)}"
        newer = sorted(set(done) - set(known))
        if not newer:
            return True, f"migrations: up to date ({known[-1]})"
        good = all(order(version("minizaps")) >= order(done[name]) for name in newer)
        advice = ", beside which this one runs" if good else ": upgrade this one"
        return good, f"migrations: of a newer Mini-Zaps ({newer[-1]}){advice}"

    async def _workers(self) -> AsyncIterator[Finding]:
        now = float(await self._db.fetchval(self._q["clock"]))
        workers = await self._db.fetch(self._q["doctor_workers"])
        alive = 0
        for name, seen_at in workers:
            unseen = max(0.0, now - seen_at)
            alive += unseen < UNSEEN
            advice = "" if unseen < UNSEEN else ": it is dead, cut off or paused"
            yield unseen < UNSEEN, f"worker {name}: seen {unseen / 1000:.1f} s ago{advice}"
        counts = [row[1] for row in await self._db.fetch(self._q["live_counts"])]
        if not alive:
            advice = f"; {sum(counts):,} runs wait for one: start `minizaps worker`"
            yield not sum(counts), "workers: none is alive" + (advice if sum(counts) else "")


def _durability(found: Mapping[str, str]) -> list[Finding]:
    """A server that confirms before it keeps loses runs at a crash."""
    names = ("fsync", "synchronous_commit", "full_page_writes")
    return [
        (found[name] != "off", f"{name}: {found[name]}")
        if found[name] != "off"
        else (False, f"{name}: off: a crash would lose runs that were confirmed; set {name}=on")
        for name in names
    ]
