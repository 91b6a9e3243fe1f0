from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from minizaps.clock import ManualClock
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal
from minizaps.journal.open import open_database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
def journal(database: Database, clock: ManualClock) -> Journal:
    return Journal(database, clock)
