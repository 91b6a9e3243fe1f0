"""A dump goes from one database to the other and back, whole or not at all."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minizaps.clock import ManualClock
from minizaps.journal.catalog import Catalog
from minizaps.journal.database import Database
from minizaps.journal.dump import export_journal, open_source, open_target
from minizaps.journal.journal import Journal
from minizaps.journal.load import import_journal
from minizaps.journal.open import open_database
from minizaps.journal.records import Idempotency
from minizaps.journal.schema import TABLES
from minizaps.journal.status import Status
from tests.journal.runs import new_run, run_in
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_fixtures import NUMBERS, TEMPLATE

OWN = {"migrations", "probe", "workers"}  # of a database, not of the installation
COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns
WHERE table_schema = current_schema() ORDER BY ordinal_position
"""
EMBEDDED_COLUMNS = """
SELECT t.name, c.name FROM pragma_table_list t JOIN pragma_table_info(t.name) c
WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite%' ORDER BY c.cid
"""


async def exported(url: str) -> list[bytes]:
    out = io.BytesIO()
    async with open_source(url) as source:
        await export_journal(source, out)
    return out.getvalue().splitlines(keepends=True)


async def imported(url: str, lines: list[bytes]) -> dict[str, int]:
    async with open_target(url) as target:
        return await import_journal(target, io.BytesIO(b"".join(lines)))


async def test_a_dump_has_every_column_of_the_installation(database: Database) -> None:
    statement = COLUMNS if database.mark == "$" else EMBEDDED_COLUMNS
    columns: dict[str, set[str]] = {}
    for table, column in await database.select(statement, []):
        columns.setdefault(table, set()).add(column)
    columns["triggers"] -= {"place"}
    named = {table.name: set(table.columns) for table in TABLES}
    assert {name: columns[name] for name in columns.keys() - OWN} == named


async def fill(database: Database, clock: ManualClock) -> None:
    """An installation with runs of every status."""
    catalog, journal = Catalog(database, clock), Journal(database, clock)
    triggers = [{"id": name, "type": "webhook"} for name in ("z", "a", "m")]
    definition = {"name": "x", "triggers": triggers, "steps": []}
    saved = await catalog.create("default", definition, active=True, by="test")
    await catalog.revise(saved.id, "default", definition, expected=1, by="test")
    for status in Status:
        await run_in(status, journal, database)
    failed = await run_in(Status.FAILED, journal, database)
    again = new_run(replay_of=failed, idempotency=Idempotency("s", "k", "h"), priority=5)
    await journal.start(again)


async def test_an_installation_goes_to_the_other_database_and_back(
    postgres_url: str, tmp_path: Path, clock: ManualClock
) -> None:
    there, back = f"sqlite:///{tmp_path}/there.db", f"sqlite:///{tmp_path}/back.db"
    database = await open_database(there)
    await database.write(lambda tx: tx.execute("insert_project", "default", "default", 1))
    await fill(database, clock)
    await database.close()
    lines = await exported(there)
    counts = await imported(postgres_url, lines)
    assert (counts["runs"], counts["triggers"], counts["idempotency"]) == (8, 3, 1)
    moved = await exported(postgres_url)
    assert moved[1:-1] == lines[1:-1]
    await imported(back, moved)
    assert (await exported(back))[1:-1] == lines[1:-1]
    for url in (postgres_url, back):
        database = await open_database(url)
        (workflow,) = await Catalog(database, clock).workflows("default", limit=9)
        triggers = await Catalog(database, clock).triggers(workflow.id)
        assert [t.id for t in triggers] == ["z", "a", "m"]
        assert await Catalog(database, clock).hook(str(triggers[0].token)) is not None
        # What dead workers were driving is made ready by the first one that lives.
        assert await Journal(database, clock).rescue("worker-9", 9) == 1
        await database.close()


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
SMALL = st.integers(-(2**31), 2**31 - 1)
LARGE = st.integers(-(2**63), 2**63 - 1)
UUID = st.uuids().map(str)
FLAG = st.integers(0, 1)
NAMES = {
    "version": SMALL,
    "epoch": SMALL,
    "priority": SMALL,
    "revision": LARGE,
    "seq": SMALL,
    "active": FLAG,
}
NAMES |= dict.fromkeys(("awaited", "follow_up", "taken"), FLAG)
NAMES |= {"signals": SMALL, "number": SMALL, "place": LARGE, "expires_at": LARGE}
NAMES |= {"failures": SMALL, "seen_at": LARGE}
NAMES |= {"present": FLAG, "at": LARGE, "created_at": LARGE, "updated_at": LARGE}
MAYBE = {"attempt": SMALL, "deleted_at": LARGE, "started_at": LARGE, "finished_at": LARGE}
MAYBE |= {"due_at": LARGE, "deadline": LARGE, "replay_of": UUID, "parent_id": UUID}
MAYBE |= dict.fromkeys(("gate", "limits", "secret", "config", "cursor", "error"), TEXT)
MAYBE |= {"served_at": LARGE, "fired_at": LARGE}
MAYBE |= dict.fromkeys(("worker", "error_type", "error_path", "dead_letter", "token"), TEXT)
MAYBE |= dict.fromkeys(("path", "data", "detail", "pending", "problem", "lease"), TEXT)
MAYBE |= {"leased_until": LARGE}
NEVER_NULL = {("callbacks", "token"), ("callbacks", "path"), ("signals", "data")}
UNIQUE = {"projects": ("id", "name"), "keys": ("id", "prefix"), "workflows": ("id", "name")}
UNIQUE |= {"credentials": ("id", "name")}
UNIQUE |= {"triggers": ("id", "token"), "events": ("run_id",), "callbacks": ("run_id",)}
PARENTS = {"project": "projects", "workflow_id": "workflows"}


def value_of(table: str, column: str, parents: dict[str, list[Any]]) -> st.SearchStrategy[Any]:
    if column == "run_id" or (table, column) == ("runs", "id"):
        return UUID
    if column in PARENTS and table not in ("runs", "audit"):
        return st.sampled_from(parents[PARENTS[column]])
    if (table, column) in NEVER_NULL:
        return TEXT
    if column in MAYBE:
        return st.none() | MAYBE[column]
    return NAMES.get(column, TEXT)


@st.composite
def installations(draw: Callable[..., Any]) -> dict[str, list[list[Any]]]:
    """Any rows that both databases take."""
    tables: dict[str, list[list[Any]]] = {}
    parents: dict[str, list[Any]] = {}
    for name, columns, order in TABLES:
        tables[name] = []
        needs = [PARENTS[c] for c in columns if c in PARENTS and name not in ("runs", "audit")]
        if all(parents[table] for table in needs):
            row = st.tuples(*(value_of(name, column, parents) for column in columns))
            unique = [columns.index(c) for c in (*UNIQUE.get(name, ()), *order[:1])]
            keys = [lambda r, i=i: object() if r[i] is None else r[i] for i in unique]
            rows = draw(st.lists(row, max_size=4, unique_by=tuple(keys) or None))
            tables[name] = [list(r) for r in rows]
        parents[name] = [r[0] for r in tables[name]]
    return tables


async def insert(url: str, tables: dict[str, list[list[Any]]]) -> None:
    async with open_target(url) as target:
        for name, columns, _ in TABLES:
            await target.insert(name, columns, tables.get(name, []))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables=installations())
def test_any_installation_is_the_same_after_a_move(
    tables: dict[str, list[list[Any]]], postgres_server: PostgresServer, tmp_path: Path
) -> None:
    number = next(NUMBERS)
    one, two = (f"sqlite:///{tmp_path}/{number}-{n}.db" for n in (1, 2))
    name = f"moved_{number}"

    async def move() -> list[list[bytes]]:
        await insert(one, tables)
        dumps = [await exported(one)]
        for url in (postgres_server.create_database(name, TEMPLATE), two):
            await imported(url, dumps[-1])
            dumps.append(await exported(url))
        return dumps

    try:
        dumps = asyncio.run(move())
    finally:
        postgres_server.drop_database(name)
    assert dumps[0][1:-1] == dumps[1][1:-1] == dumps[2][1:-1]
    assert len(dumps[0]) == sum(map(len, tables.values())) + 2


async def test_an_export_is_one_moment(database_url: str, clock: ManualClock) -> None:
    database = await open_database(database_url)
    journal = Journal(database, clock)
    await journal.start(new_run())
    async with open_source(database_url) as source:
        runs = next(table for table in TABLES if table.name == "runs")
        events = next(table for table in TABLES if table.name == "events")
        before = {row[0] async for page in source.pages(runs) for row in page}
        await journal.start(new_run())
        assert {row[0] async for page in source.pages(runs) for row in page} == before
        assert {row[0] async for page in source.pages(events) for row in page} == before
    await database.close()
