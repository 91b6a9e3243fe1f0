"""The fixtures `postgres_server` and `postgres_url`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from minizaps.journal.open import open_database
from tests.servers.missing import missing
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_binaries import find_binaries

TEMPLATE = "prepared"
NUMBERS = count(1)


async def prepare(url: str) -> None:
    """Make what every test's database starts with, and leave no connection to it."""
    database = await open_database(url)
    await database.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the tests of this process, one of xdist's. A test that stops it may leave it."""
    if find_binaries() is None:
        missing("Postgres")
    with PostgresServer() as server, ThreadPoolExecutor(1) as thread:
        url = server.create_database(TEMPLATE)
        thread.submit(lambda: asyncio.run(prepare(url))).result()
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh database, which is dropped after the test."""
    yield from _database(postgres_server, TEMPLATE)


@pytest.fixture
def fresh_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a database without any table."""
    yield from _database(postgres_server)


def _database(server: PostgresServer, *template: str) -> Iterator[str]:
    name = f"test_{next(NUMBERS)}"
    yield server.create_database(name, *template)
    if not server.running:
        server.start()
    server.drop_database(name)
