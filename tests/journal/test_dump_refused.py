"""What an import refuses: all of it, with the line that is to blame."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import pytest

from minizaps.errors import Conflict, InvalidInput, JournalUnavailable
from minizaps.journal.dump import open_source, open_target
from minizaps.journal.open import open_database
from tests.journal.test_dump import exported, imported, insert
from tests.servers.postgres import PostgresServer

Change = Callable[[list[Any]], object]
PROGRAM = version("minizaps")


@pytest.fixture
async def dump(tmp_path: Path) -> list[bytes]:
    """One with two projects and their keys; lines 2 to 5 are its rows."""
    url = f"sqlite:///{tmp_path}/source.db"
    projects = [["default", "default", 1], ["other", "Other", 2]]
    keys = [[str(n), "other", "key", "admin", str(n), "hash", 3, "me"] for n in (1, 2)]
    await insert(url, {"projects": projects, "keys": keys})
    return await exported(url)


def changed(dump: list[bytes], change: Change) -> list[bytes]:
    """A dump with other lines, whose footer is right."""
    values = [orjson.loads(line) for line in dump]
    change(values)
    lines = [orjson.dumps(value) + b"\n" for value in values[:-1]]
    names = [value[0] for value in values[1:-1] if isinstance(value, list)]
    rows = {table: names.count(table) for table in values[0]["tables"]}
    footer = {"rows": rows, "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}
    return [*lines, orjson.dumps(footer) + b"\n"]


async def refusal(url: str, lines: list[bytes]) -> str:
    with pytest.raises(InvalidInput) as refused:
        await imported(url, lines)
    async with open_target(url) as target:
        assert await target.filled() == []
    return str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v[0].update(kind="x"), "line 1: not the header of a dump"),
        (lambda v: v[0].update(format=2), f"line 1: the dump has format 2, of Mini-Zaps {PROGRAM}"),
        (lambda v: v[0]["tables"].pop("runs"), "line 1: the tables are not"),
        (lambda v: v[0]["tables"]["keys"].append("size"), "line 1: this Mini-Zaps does not know"),
        (lambda v: v[2].append(1), "line 3: 4 values for projects, which has 3 columns"),
        (lambda v: v.insert(3, ["secrets", 1]), "line 4: neither a row of a known table"),
        (lambda v: v.insert(3, 7), "line 4: neither a row of a known table"),
        (lambda v: v.insert(4, v.pop(1)), "line 5: a row of projects after those of keys"),
        (lambda v: v.insert(5, v[4]), "line 6: "),  # twice
        (lambda v: v[3].__setitem__(1, None), "line 4: "),
        (lambda v: v[4].__setitem__(7, "soon"), "line 5: "),
        (lambda v: v[4].__setitem__(7, {"a": 1}), "line 5: "),
        (lambda v: v[4].__setitem__(2, "nobody"), "line 5: "),  # a project that is not there
    ],
)
async def test_a_wrong_line_is_named_and_nothing_is_imported(
    database_url: str, dump: list[bytes], change: Change, message: str
) -> None:
    assert (await refusal(database_url, changed(dump, change))).startswith(message)


async def test_a_dump_that_is_not_whole_is_refused(database_url: str, dump: list[bytes]) -> None:
    assert "line 6: the dump ends here" in await refusal(database_url, dump[:-1])
    assert "line 5: the dump ends here" in await refusal(database_url, [*dump[:4], dump[4][:-9]])
    assert "line 5: the footer says" in await refusal(database_url, [*dump[:4], dump[5]])
    swapped = [*dump[:3], dump[4], dump[3], dump[5]]
    assert "its checksum is another" in await refusal(database_url, swapped)
    assert "more after the footer" in await refusal(database_url, [*dump, b"\n"])
    assert "line 2: not JSON" in await refusal(database_url, [dump[0], b"[1,\n"])
    assert "line 1: the dump ends here" in await refusal(database_url, [])


async def test_a_database_that_is_used_is_refused(database_url: str, dump: list[bytes]) -> None:
    database = await open_database(database_url)
    await database.write(lambda tx: tx.execute("insert_project", "default", "default", 1))
    await database.close()
    await imported(database_url, dump)  # the default project alone does not count
    with pytest.raises(Conflict, match="it has projects, keys: import into a new one"):
        await imported(database_url, dump)
    assert (await exported(database_url))[1:] != []


async def test_a_missing_or_newer_database_is_not_exported(
    tmp_path: Path, postgres_url: str, postgres_server: PostgresServer
) -> None:
    with pytest.raises(JournalUnavailable, match="no Mini-Zaps data"):
        await exported(f"sqlite:///{tmp_path}/none.db")
    empty = postgres_server.create_database("empty")
    with pytest.raises(JournalUnavailable, match="no Mini-Zaps data"):
        await exported(empty)
    postgres_server.drop_database("empty")
    database = await open_database(postgres_url)
    await database.select("INSERT INTO migrations VALUES ('9999_later.sql', '0.1.0')", [])
    await database.close()
    with pytest.raises(JournalUnavailable, match="another version"):
        async with open_source(postgres_url):
            raise AssertionError
