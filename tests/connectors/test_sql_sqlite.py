from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from minizaps.connectors.base import Context

from .test_sql import failure, opened, run


@pytest.fixture
def file(context: Context, tmp_path: Path) -> Context:
    path = tmp_path / "a.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t (n)")
    connection.close()
    return opened(context, f"sqlite:///{path}")


async def test_values_are_json(file: Context) -> None:
    query = "SELECT ? AS i, ? AS f, ? AS t, ? AS b, ? AS j, x'ff00' AS x, 9e999 AS big"
    output = await run(file, query, 2**62, 1.5, "ü", True, {"a": [1]})
    assert output["rows"] == [
        {"i": 2**62, "f": 1.5, "t": "ü", "b": 1, "j": '{"a":[1]}', "x": "/wA=", "big": "inf"}
    ]
    failed = await failure(file, "SELECT ? AS n", 2**64)
    assert (failed.type, failed.retryable) == ("query", False)


async def test_a_file_that_is_not_there_is_not_made(context: Context, tmp_path: Path) -> None:
    failed = await failure(opened(context, f"sqlite:///{tmp_path}/no.db"), "SELECT 1")
    assert (failed.type, failed.retryable) == ("query", False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("query", ["ATTACH '{}/b.db' AS b", "VACUUM INTO '{}/b.db'"])
async def test_no_other_file_is_reached(file: Context, tmp_path: Path, query: str) -> None:
    assert (await failure(file, query.format(tmp_path))).type == "query"
    assert [path.name for path in tmp_path.glob("b*")] == []


async def test_a_file_that_is_locked_is_tried_again(file: Context, tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / "a.db"))
    other.execute("BEGIN EXCLUSIVE")
    failed = await failure(file, "INSERT INTO t VALUES (1)", timeout=0.01)
    assert (failed.type, failed.retryable) == ("query", True)
    other.execute("ROLLBACK")
    other.close()
    assert (await run(file, "INSERT INTO t VALUES (1)"))["row_count"] == 1


async def test_a_comment_at_the_end_is_no_statement(file: Context) -> None:
    assert (await run(file, "SELECT 1 AS n; -- one"))["rows"] == [{"n": 1}]
