"""What `minizaps doctor` says about Postgres and about brokers."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest

from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database
from tests.cli.conftest import Minizaps
from tests.journal.runs import WORKER, new_run
from tests.servers.daemon import Daemon
from tests.servers.postgres import PostgresServer


@pytest.fixture
def on_postgres(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> str:
    monkeypatch.setenv("MINIZAPS_DATABASE_URL", postgres_url)
    return postgres_url


def execute(url: str, statement: str, *values: object) -> None:
    async def run() -> None:
        db = await asyncpg.connect(url)
        await db.execute(statement, *values)
        await db.close()

    asyncio.run(run())


def bad(result: tuple[int, str, str]) -> list[str]:
    return [line.removeprefix("BAD   ") for line in result[1].splitlines() if line[:3] == "BAD"]


def test_a_sound_postgres(minizaps: Minizaps, on_postgres: str) -> None:
    found = minizaps("doctor")
    assert (found.code, bad(found)) == (0, [])
    password = on_postgres.split(":")[2].partition("@")[0]
    assert password not in found.out
    for words in (
        "Postgres 1",
        "fsync: on",
        "synchronous_commit: on",
        "full_page_writes: on",
        "round trip: ",
        "commit: ",
        "between this machine and the database",
        " in use, ",
        "autovacuum: on",
        "migrations: up to date (0004_triggers.sql)",
        "workers: none is alive",
    ):
        assert words in found.out


def test_a_database_that_confirms_too_early_is_bad(
    minizaps: Minizaps, on_postgres: str, postgres_server: PostgresServer
) -> None:
    name = on_postgres.rpartition("/")[2]
    postgres_server.fetch(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    found = minizaps("doctor")
    (line,) = bad(found)
    assert (found.code, "set synchronous_commit=on" in line) == (1, True)


def test_a_missing_database_is_bad(
    minizaps: Minizaps, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIZAPS_DATABASE_URL", postgres_url + "_x")
    found = minizaps("doctor")
    assert found.code == 1
    assert "does not exist" in bad(found)[0]


def test_workers_are_named_and_runs_without_one_are_bad(
    minizaps: Minizaps, on_postgres: str
) -> None:
    now = int(time.time() * 1000)
    beat = "INSERT INTO workers (id, started_at, seen_at) VALUES ($1, $2, $2)"
    execute(on_postgres, beat, "quick", now + 60_000)
    found = minizaps("doctor")
    assert found.code == 0
    assert "worker quick: seen 0.0 s ago" in found.out
    execute(on_postgres, "UPDATE workers SET seen_at = $1", now - 60_000)
    assert "cut off or paused" in bad(minizaps("doctor"))[0]
    execute(on_postgres, "DELETE FROM workers")

    async def start() -> None:
        database = await open_database(on_postgres)
        await Journal(database, database.clock).start(new_run(), worker=WORKER)
        await database.close()

    asyncio.run(start())
    (line,) = bad(minizaps("doctor"))
    assert line == "workers: none is alive; 1 runs wait for one: start `minizaps worker`"


def test_too_few_connections_are_bad(
    minizaps: Minizaps, on_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIZAPS_DATABASE_CONNECTIONS", "500")
    (line,) = bad(minizaps("doctor"))
    assert "lower MINIZAPS_DATABASE_CONNECTIONS" in line


@pytest.mark.parametrize(("oldest", "code"), [("0.1.0", 0), ("99.0.0", 1)])
def test_migrations_of_a_newer_program(
    minizaps: Minizaps, on_postgres: str, oldest: str, code: int
) -> None:
    execute(on_postgres, "INSERT INTO migrations VALUES ('9999_later.sql', $1)", oldest)
    found = minizaps("doctor")
    assert (found.code, len(bad(found))) == (code, code)
    assert "of a newer Mini-Zaps (9999_later.sql)" in found.out


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_a_broker_is_tried(
    minizaps: Minizaps,
    broker: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server: Daemon = request.getfixturevalue(f"{broker}_server")
    monkeypatch.setenv("MINIZAPS_BROKER_URL", server.url)
    found = minizaps("doctor")
    assert (found.code, ": took a message in" in found.out) == (0, True)
    scheme = server.url.partition(":")[0]
    monkeypatch.setenv("MINIZAPS_BROKER_URL", f"{scheme}://somebody:secret@127.0.0.1:1/")
    away = minizaps("doctor")
    assert away.code == 1
    assert "is not reachable" in bad(away)[0]
    assert "secret" not in away.out
