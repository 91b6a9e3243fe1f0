from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest

from minizaps import WorkflowEngine
from minizaps.connectors.base import Context
from minizaps.connectors.sql import SqlConfig, SqlConnector
from minizaps.credentials.types import Database
from minizaps.errors import ConnectorError, CredentialUnusable, DefinitionInvalid

MAKE = "CREATE TABLE orders (id INTEGER PRIMARY KEY, sku TEXT NOT NULL, paid BOOLEAN)"


def opened(context: Context, url: str) -> Context:
    return replace(context, credential=Database(url=url))


async def run(context: Context, query: str, *values: Any, **config: Any) -> dict[str, Any]:
    fields = {"query": query, "parameters": list(values), **config}
    return await SqlConnector(SqlConfig.model_validate(fields)).execute(context)


async def failure(context: Context, query: str, *values: Any, **config: Any) -> ConnectorError:
    with pytest.raises(ConnectorError) as failed:
        await run(context, query, *values, **config)
    return failed.value


@pytest.fixture(params=["sqlite", "postgres"])
async def shop(request: pytest.FixtureRequest, context: Context, tmp_path: Path) -> Context:
    """A database with an empty table."""
    if request.param == "sqlite":
        path = tmp_path / "shop.db"
        apsw.Connection(str(path)).close()
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("fresh_postgres_url")
    shown = opened(context, url)
    await run(shown, MAKE)
    return shown


def place(context: Context, number: int) -> str:
    """How the database writes the place of a parameter."""
    assert isinstance(context.credential, Database)
    return "?" if context.credential.url.get_secret_value().startswith("sqlite") else f"${number}"


async def test_what_is_written_is_read_again(shop: Context) -> None:
    first, second = place(shop, 1), place(shop, 2)
    insert = f"INSERT INTO orders (id, sku) VALUES ({first}, {second})"
    wild = "x'); DROP TABLE orders; --"
    assert await run(shop, insert, 1, wild) == {"rows": [], "row_count": 1}
    read = "SELECT id, sku, paid FROM orders ORDER BY id"
    row = {"id": 1, "sku": wild, "paid": None}
    assert await run(shop, read) == {"rows": [row], "row_count": 1}
    changed = await run(shop, f"UPDATE orders SET sku = {first}", "lamp")
    assert changed == {"rows": [], "row_count": 1}
    given = await run(shop, f"INSERT INTO orders (id, sku) VALUES ({first}, 'a') RETURNING id", 2)
    assert given == {"rows": [{"id": 2}], "row_count": 1}
    assert await run(shop, "SELECT * FROM orders WHERE id = 9") == {"rows": [], "row_count": 0}


async def test_parameters_have_names_where_the_query_has(shop: Context) -> None:
    insert = "INSERT INTO orders (id, sku) VALUES (:id, 'it''s :id') RETURNING sku, :id + 1 AS n"
    output = await run(shop, insert, parameters={"id": 7})
    assert output["rows"] == [{"sku": "it's :id", "n": 8}]
    missing = await failure(shop, "SELECT :id, :other", parameters={"id": 1})
    assert (missing.type, missing.retryable) == ("query", False)
    assert "other" in str(missing)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELEC 1", "SELEC"),
        ("SELECT 1; SELECT 2", "statement|multiple commands"),
        ("SELECT 1 AS a, 2 AS a", "two columns are named 'a'"),
        ("INSERT INTO orders (id, sku) VALUES (1, NULL)", "(?i)not.null"),
        ("SELECT * FROM nothing", "nothing"),
    ],
)
async def test_a_query_that_cannot_be_done_fails_for_good(
    shop: Context, query: str, says: str
) -> None:
    failed = await failure(shop, query)
    assert (failed.type, failed.retryable) == ("query", False)
    assert re.search(says, str(failed))


async def test_the_number_of_parameters_has_to_fit(shop: Context) -> None:
    for values in ([], [1, 2]):
        failed = await failure(shop, f"SELECT {place(shop, 1)} + 1 AS n", *values)
        assert (failed.type, failed.retryable) == ("query", False)


async def test_more_rows_than_wanted_are_an_error_and_change_nothing(shop: Context) -> None:
    insert = "INSERT INTO orders (id, sku) VALUES (1, 'a'), (2, 'b'), (3, 'c') RETURNING id"
    failed = await failure(shop, insert, max_rows=2)
    assert (failed.type, failed.retryable) == ("too_many_rows", False)
    assert (await run(shop, "SELECT * FROM orders"))["rows"] == []
    assert (await run(shop, insert, max_rows=3))["row_count"] == 3


async def test_a_step_that_only_reads_changes_nothing(shop: Context) -> None:
    insert = "INSERT INTO orders (id, sku) VALUES (1, 'a')"
    failed = await failure(shop, insert, read_only=True)
    assert (failed.type, failed.retryable) == ("query", False)
    assert (await run(shop, "SELECT * FROM orders", read_only=True))["rows"] == []


def test_only_a_step_that_only_reads_may_be_repeated() -> None:
    assert not SqlConnector(SqlConfig(query="SELECT 1")).may_repeat()
    assert SqlConnector(SqlConfig(query="SELECT 1", read_only=True)).may_repeat()


async def test_a_query_that_takes_too_long_is_cut_off(shop: Context) -> None:
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    )
    failed = await failure(shop, endless, timeout=0.05)
    assert (failed.type, failed.retryable) == ("timeout", True)


async def test_an_attempt_that_is_cancelled_changes_nothing(shop: Context) -> None:
    endless = (
        "INSERT INTO orders (id, sku) WITH RECURSIVE n(i) AS "
        "(SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'x' FROM n"
    )
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await run(shop, endless)
    assert (await run(shop, "SELECT count(*) AS n FROM orders"))["rows"] == [{"n": 0}]


async def test_a_credential_is_tried_without_an_effect(shop: Context) -> None:
    assert "SELECT 1" in await SqlConnector.try_credential(shop)


async def test_a_url_of_neither_is_no_credential(context: Context) -> None:
    for url in ("mysql://a@b/c", "postgresql:///c", "postgresql://a@127.0.0.1/c?host=10.0.0.1"):
        with pytest.raises(CredentialUnusable, match="URL"):
            await run(opened(context, url), "SELECT 1")


def test_a_query_is_fixed_text() -> None:
    config = {"query": "SELECT '{{ trigger.body.name }}'"}
    step = {"type": "sql", "credential": "shop", "config": config}
    with pytest.raises(DefinitionInvalid, match="/steps/0/config/query: is fixed"):
        WorkflowEngine.check({"name": "sql", "steps": [step]})
