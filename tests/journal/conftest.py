from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from minizaps.clock import ManualClock
from minizaps.journal.database import Database
from minizaps.journal.journal import Journal


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "minizaps.db")
    yield database
    await database.close()


@pytest.fixture
def journal(database: Database, clock: ManualClock) -> Journal:
    return Journal(database, clock)
