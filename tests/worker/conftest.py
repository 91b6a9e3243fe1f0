from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from minizaps.clock import ManualClock
from minizaps.journal.journal import Journal
from minizaps.journal.postgres import membership
from minizaps.journal.postgres.database import PostgresDatabase
from minizaps.journal.postgres.membership import Session


class Member:
    """A worker's place, as a process would take it: with a database and a journal of its own."""

    def __init__(self, database: PostgresDatabase, name: str, clock: ManualClock) -> None:
        self.name = name
        self.database = database
        self.journal = Journal(database, clock)
        self.session = database.membership(clock, self.journal)
        assert isinstance(self.session, Session)

    async def cut(self) -> None:
        """Lose the session, as if the network had."""
        connection: Any = self.session._db  # type: ignore[attr-defined]
        connection.terminate()
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def members(
    postgres_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Member, Member]]:
    """Two workers that have joined, `a` and `b`; each judges others at once."""
    monkeypatch.setattr(membership, "SETTLED", 0.0)
    databases = [await PostgresDatabase.open(postgres_url, connections=2) for _ in range(2)]
    both = [Member(db, name, clock) for db, name in zip(databases, "ab", strict=True)]
    for member in both:
        await member.session.join(member.name)
    yield both[0], both[1]
    for member in both:
        await member.session.leave()
        await member.database.close()
