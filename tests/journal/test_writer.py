"""Group commit: what is ready together is one transaction, and one failure is one failure."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from minizaps.errors import Conflict, JournalUnavailable
from minizaps.journal.database import Database
from minizaps.journal.sqlite import connect, migrate


def insert(name: str) -> object:
    def operation(db: apsw.Connection) -> str:
        db.execute("INSERT INTO projects VALUES (?, ?, 1)", (name, name))
        return name

    return operation


async def names(database: Database) -> set[str]:
    return {row[0] for row in await database.rows("projects", "", -1)}


async def commits(database: Database) -> int:
    """Transactions so far: each changes the file's data version once."""

    def operation(db: apsw.Connection) -> int:
        version: int = db.execute("PRAGMA data_version").get
        return version

    return await database.read(operation)


async def test_writes_that_are_ready_together_share_a_transaction(database: Database) -> None:
    before = await commits(database)
    written = await asyncio.gather(*(database.write(insert(f"p{n}")) for n in range(50)))
    assert written == [f"p{n}" for n in range(50)]
    assert await names(database) == set(written)
    assert await commits(database) - before < 10


async def test_a_failing_operation_fails_alone(database: Database) -> None:
    def refused(db: apsw.Connection) -> None:
        raise Conflict("no")

    operations = [insert("a"), insert("b"), insert("a"), refused, insert("c")]
    results = await asyncio.gather(
        *(database.write(operation) for operation in operations), return_exceptions=True
    )
    assert results[:2] == ["a", "b"]
    assert isinstance(results[2], apsw.ConstraintError)
    assert isinstance(results[3], Conflict)
    assert results[4] == "c"
    assert await names(database) == {"a", "b", "c"}


async def test_a_full_disk_is_said_and_passes(database: Database) -> None:
    def limit(pages: int) -> object:
        return lambda db: db.execute(f"PRAGMA max_page_count = {pages}").get

    def fill(db: apsw.Connection) -> None:
        db.execute("INSERT INTO projects VALUES ('big', ?, 1)", ("x" * 100_000,))

    await database.write(limit(1))  # lifted to the present size
    with pytest.raises(JournalUnavailable, match="full"):
        await database.write(fill)
    with pytest.raises(JournalUnavailable):
        await asyncio.gather(database.write(fill), database.write(fill))
    await database.write(limit(2**30))
    await database.write(fill)
    assert await names(database) == {"big"}


async def test_another_process_may_hold_the_lock_for_a_while(database: Database) -> None:
    other = connect(database.path)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(database.write(insert("late")))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    other.execute("COMMIT")
    assert await waiting == "late"
    other.close()


async def test_when_the_lock_stays_taken_all_that_wait_are_told_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minizaps.journal.writer.BUSY", 0.05)
    other = connect(database.path)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(1):
        results = await asyncio.gather(
            *(database.write(insert(f"p{n}")) for n in range(50)), return_exceptions=True
        )
    assert all(isinstance(result, JournalUnavailable) for result in results)
    other.execute("COMMIT")
    other.close()
    assert await database.write(insert("later")) == "later"


async def test_closing_finishes_what_was_handed_in(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "x.db")
    handed_in = [asyncio.create_task(database.write(insert(f"p{n}"))) for n in range(5)]
    await asyncio.sleep(0)
    await database.close()
    assert len(await asyncio.gather(*handed_in)) == 5
    with pytest.raises(JournalUnavailable, match="closed"):
        await database.write(insert("late"))


async def test_commits_wait_for_the_disk(database: Database) -> None:
    def pragmas(db: apsw.Connection) -> tuple[object, object]:
        return db.execute("PRAGMA synchronous").get, db.execute("PRAGMA journal_mode").get

    assert await database.write(pragmas) == (2, "wal")  # 2 is FULL


def test_migrations_run_once_and_a_newer_database_is_refused(tmp_path: Path) -> None:
    db = connect(tmp_path / "x.db")
    assert migrate(db)
    assert migrate(db) == []
    db.execute("INSERT INTO migrations VALUES ('9999_later.sql')")
    with pytest.raises(JournalUnavailable, match="newer"):
        migrate(db)
    db.close()


async def test_the_audit_log_only_grows(database: Database) -> None:
    def add(db: apsw.Connection) -> None:
        db.execute("INSERT INTO audit VALUES ('1', 1, 'default', 'ada', 'x', 'y', NULL)")

    await database.write(add)
    for statement in ("DELETE FROM audit", "UPDATE audit SET actor = 'eve'"):
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            await database.write(lambda db, s=statement: db.execute(s))
