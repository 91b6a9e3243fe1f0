"""Group commit: what is ready together is one transaction, and one failure is one failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest

from minizaps.errors import Conflict, JournalUnavailable
from minizaps.journal.sqlite.connection import connect, create_private, migrate
from minizaps.journal.sqlite.writer import Writer


def insert(name: str) -> object:
    def operation(db: apsw.Connection) -> str:
        db.execute("INSERT INTO projects VALUES (?, ?, 1)", (name, name))
        return name

    return operation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "minizaps.db"
    create_private(path)
    return path


@pytest.fixture
def reader(path: Path) -> Iterator[apsw.Connection]:
    db = connect(path)
    migrate(db)
    yield db
    db.close()


@pytest.fixture
async def writer(path: Path, reader: apsw.Connection) -> AsyncIterator[Writer]:
    writer = Writer(connect(path))
    yield writer
    await writer.close()


def names(reader: apsw.Connection) -> set[str]:
    return {name for (name,) in reader.execute("SELECT name FROM projects")}


def commits(reader: apsw.Connection) -> int:
    """Transactions so far: each changes the file's data version once."""
    version: int = reader.execute("PRAGMA data_version").get
    return version


async def test_writes_that_are_ready_together_share_a_transaction(
    writer: Writer, reader: apsw.Connection, path: Path
) -> None:
    before = commits(reader)
    written = await asyncio.gather(*(writer.write(insert(f"p{n}")) for n in range(50)))
    assert written == [f"p{n}" for n in range(50)]
    assert names(reader) == set(written)
    assert commits(reader) - before < 10


async def test_a_failing_operation_fails_alone(
    writer: Writer, reader: apsw.Connection, path: Path
) -> None:
    def refused(db: apsw.Connection) -> None:
        raise Conflict("no")

    operations = [insert("a"), insert("b"), insert("a"), refused, insert("c")]
    results = await asyncio.gather(
        *(writer.write(operation) for operation in operations), return_exceptions=True
    )
    assert results[:2] == ["a", "b"]
    assert isinstance(results[2], apsw.ConstraintError)
    assert isinstance(results[3], Conflict)
    assert results[4] == "c"
    assert names(reader) == {"a", "b", "c"}


async def test_a_full_disk_is_said_and_passes(
    writer: Writer, reader: apsw.Connection, path: Path
) -> None:
    def limit(pages: int) -> object:
        return lambda db: db.execute(f"PRAGMA max_page_count = {pages}").get

    def fill(db: apsw.Connection) -> None:
        db.execute("INSERT INTO projects VALUES ('big', ?, 1)", ("x" * 100_000,))

    await writer.write(limit(1))  # lifted to the present size
    with pytest.raises(JournalUnavailable, match="full"):
        await writer.write(fill)
    with pytest.raises(JournalUnavailable):
        await asyncio.gather(writer.write(fill), writer.write(fill))
    await writer.write(limit(2**30))
    await writer.write(fill)
    assert len(names(reader)) == 1


async def test_another_process_may_hold_the_lock_for_a_while(
    writer: Writer, reader: apsw.Connection, path: Path
) -> None:
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(writer.write(insert("late")))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    other.execute("COMMIT")
    assert await waiting == "late"
    other.close()


async def test_when_the_lock_stays_taken_all_that_wait_are_told_at_once(
    writer: Writer, reader: apsw.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minizaps.journal.sqlite.writer.BUSY", 0.05)
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(1):
        results = await asyncio.gather(
            *(writer.write(insert(f"p{n}")) for n in range(50)), return_exceptions=True
        )
    assert all(isinstance(result, JournalUnavailable) for result in results)
    other.execute("COMMIT")
    other.close()
    assert await writer.write(insert("later")) == "later"


async def test_closing_finishes_what_was_handed_in(reader: apsw.Connection, path: Path) -> None:
    writer = Writer(connect(path))
    handed_in = [asyncio.create_task(writer.write(insert(f"p{n}"))) for n in range(5)]
    await asyncio.sleep(0)
    await writer.close()
    assert len(await asyncio.gather(*handed_in)) == 5
    with pytest.raises(JournalUnavailable, match="closed"):
        await writer.write(insert("late"))


async def test_commits_wait_for_the_disk(
    writer: Writer, reader: apsw.Connection, path: Path
) -> None:
    def pragmas(db: apsw.Connection) -> tuple[object, object]:
        return db.execute("PRAGMA synchronous").get, db.execute("PRAGMA journal_mode").get

    assert await writer.write(pragmas) == (2, "wal")  # 2 is FULL


def test_migrations_run_once_and_a_newer_database_is_refused(tmp_path: Path) -> None:
    db = connect(tmp_path / "x.db")
    assert migrate(db)
    assert migrate(db) == []
    db.execute("INSERT INTO migrations VALUES ('9999_later.sql')")
    with pytest.raises(JournalUnavailable, match="newer"):
        migrate(db)
    db.close()


async def test_the_audit_log_only_grows(
    writer: Writer, reader: apsw.Connection, path: Path
) -> None:
    def add(db: apsw.Connection) -> None:
        db.execute("INSERT INTO audit VALUES ('1', 1, 'default', 'ada', 'x', 'y', NULL)")

    await writer.write(add)
    for statement in ("DELETE FROM audit", "UPDATE audit SET actor = 'eve'"):
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            await writer.write(lambda db, s=statement: db.execute(s))
