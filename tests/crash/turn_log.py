"""A log of what happens to the rows of `turns`, kept by triggers in a campaign's database.

The rows of a key change under its lock alone, so that the log's order is theirs, whatever the
clocks of the processes say.
"""

from __future__ import annotations

import asyncio

import apsw
import asyncpg

from minizaps.settings import SQLITE

from .evidence import Turn, select

_TABLE = """
CREATE TABLE turn_log
    (number {number} PRIMARY KEY, key text, run_id {id}, what text, status text, epoch integer);
"""
_TELL = """
INSERT INTO turn_log (key, run_id, what, status, epoch) VALUES ({row}.key, {row}.run_id, {what},
    (SELECT status FROM runs WHERE id = {row}.run_id),
    (SELECT epoch FROM runs WHERE id = {row}.run_id));
"""
_BECOMES = "CASE {row}.taken WHEN 1 THEN 'taken' ELSE 'waits' END"
_CHANGES = (
    ("INSERT", _TELL.format(row="NEW", what=_BECOMES.format(row="NEW"))),
    ("UPDATE", _TELL.format(row="NEW", what=_BECOMES.format(row="NEW"))),
    ("DELETE", _TELL.format(row="OLD", what="'left'")),
)
_ON_SQLITE = "CREATE TRIGGER turns_{change} AFTER {change} ON turns BEGIN {tell} END;"
_ON_POSTGRES = """
CREATE FUNCTION tell_{change}() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN {tell} RETURN NULL; END $$;
CREATE TRIGGER turns_{change} AFTER {change} ON turns
    FOR EACH ROW EXECUTE FUNCTION tell_{change}();
"""


async def keep_turns(url: str) -> None:
    """Have a database keep the log from now on."""
    if url.startswith(SQLITE):
        statements = _TABLE.format(number="integer", id="text") + _triggers(_ON_SQLITE)
        await asyncio.to_thread(_execute, url.removeprefix(SQLITE), statements)
        return
    db = await asyncpg.connect(url)
    try:
        await db.execute(_TABLE.format(number="bigserial", id="uuid") + _triggers(_ON_POSTGRES))
    finally:
        await db.close()


async def read_turns(url: str) -> list[Turn]:
    """The log, in its order."""
    query = "SELECT key, {run_id}, what, status, epoch FROM turn_log ORDER BY number"
    return [Turn(*row) for row in await select(url, query)]


def _triggers(text: str) -> str:
    return "".join(text.format(change=change, tell=tell) for change, tell in _CHANGES)


def _execute(path: str, statements: str) -> None:
    db = apsw.Connection(path)
    try:
        db.set_busy_timeout(5000)
        with db:
            db.execute(statements)
    finally:
        db.close()
