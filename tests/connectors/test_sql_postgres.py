from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from minizaps.connectors.base import Context
from minizaps.connectors.sql_postgres import MOST_CONNECTIONS
from minizaps.testing.partners import rude
from tests.servers.missing import missing
from tests.servers.places import server_user
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_binaries import find_binaries

from .test_sql import failure, opened, run
from .wire import cut_at


@pytest.fixture
def shop(context: Context, fresh_postgres_url: str) -> Context:
    return opened(context, fresh_postgres_url)


@pytest.mark.parametrize(
    ("kind", "value", "given"),
    [
        ("int", 5, 5),
        ("int", "5", 5),
        ("bigint", 2**62, 2**62),
        ("text", 5, "5"),
        ("text", {"a": 1}, '{"a":1}'),
        ("boolean", True, True),
        ("float8", "1.5", 1.5),
        ("numeric", 0.1, "0.1"),
        ("numeric", "12345678901234567890.12", "12345678901234567890.12"),
        ("date", "2030-01-31", "2030-01-31"),
        ("time", "09:30:00", "09:30:00"),
        ("timestamp", "2030-01-31T09:00:00Z", "2030-01-31T09:00:00"),
        ("timestamptz", "2030-01-31T09:00:00+02:00", "2030-01-31T07:00:00Z"),
        ("timestamptz", "2030-01-31T09:00:00", "2030-01-31T09:00:00Z"),
        ("interval", "P1DT2H", "P1DT2H"),
        ("uuid", "0190c1a0-0000-7000-8000-000000000000", "0190c1a0-0000-7000-8000-000000000000"),
        ("bytea", "/wA=", "/wA="),
        ("jsonb", {"a": [1, None]}, {"a": [1, None]}),
        ("json", "text", "text"),
        ("jsonb", None, None),
        ("int[]", [1, None, 3], [1, None, 3]),
        ("text[]", ["a", 1], ["a", "1"]),
        ("inet", "10.0.0.1", "10.0.0.1"),
    ],
)
async def test_values_go_in_and_come_out_as_json(
    shop: Context, kind: str, value: Any, given: Any
) -> None:
    output = await run(shop, f"SELECT $1::{kind} AS value", value)
    assert output["rows"] == [{"value": given}]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("int", "x"), ("int", 1.5), ("date", "tomorrow"), ("boolean", 1), ("bytea", "%")],
)
async def test_a_value_of_another_kind_is_refused(shop: Context, kind: str, value: Any) -> None:
    failed = await failure(shop, f"SELECT $1::{kind} AS value", value)
    assert (failed.type, failed.retryable) == ("query", False)


async def test_what_would_wait_for_data_is_refused(shop: Context) -> None:
    for query in ("COPY t FROM STDIN", "-- all\n /* of */ copy t TO STDOUT"):
        failed = await failure(shop, query)
        assert (failed.type, failed.retryable) == ("query", False)
        assert "COPY" in str(failed)


async def test_names_are_not_looked_for_in_texts_comments_and_casts(shop: Context) -> None:
    query = """SELECT ':no' || E'\\':no' || $$:no$$ AS ":no", -- :no
        :a::text /* :no */ AS a, :a::int + :b AS n"""
    output = await run(shop, query, parameters={"b": 2, "a": "1"})
    assert output["rows"] == [{":no": ":no':no:no", "a": "1", "n": 3}]
    failed = await failure(shop, "SELECT 1", parameters={"unused": 1})
    assert "unused" in str(failed)


async def test_a_query_leaves_nothing_to_the_next_one(shop: Context) -> None:
    for query in (
        "SET search_path TO nowhere",
        "CREATE TEMPORARY TABLE t AS SELECT 1 AS n",
        "SELECT pg_advisory_lock(1) IS NULL AS locked",
    ):
        await run(shop, query)
    rows = await run(shop, "SELECT current_setting('search_path') AS path, pg_backend_pid() AS pid")
    again = await run(shop, "SELECT to_regclass('t') AS t, pg_backend_pid() AS pid")
    assert "nowhere" not in rows["rows"][0]["path"]
    assert again["rows"] == [{"t": None, "pid": rows["rows"][0]["pid"]}]
    locks = await run(shop, "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'")
    assert locks["rows"] == [{"n": 0}]


async def test_the_connections_are_few(shop: Context) -> None:
    slow = "SELECT pg_backend_pid() AS pid, pg_sleep(0.02) IS NULL AS slept"
    outputs = await asyncio.gather(*(run(shop, slow) for _ in range(20)))
    pids = {output["rows"][0]["pid"] for output in outputs}
    assert len(pids) == MOST_CONNECTIONS


async def test_failures_that_pass_are_tried_again(
    shop: Context, postgres_server: PostgresServer, fresh_postgres_url: str
) -> None:
    await run(shop, "CREATE TABLE t AS SELECT 1 AS n")
    deadlock = "DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"
    failed = await failure(shop, deadlock)
    assert (failed.type, failed.retryable, failed.details) == (
        "query", True, {"sqlstate": "40P01"},
    )  # fmt: skip
    running = asyncio.create_task(failure(shop, "UPDATE t SET n = 2 WHERE pg_sleep(20) IS NULL"))
    asked = "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'UPDATE t%'"
    while (await run(shop, asked))["rows"] == [{"n": 0}]:
        await asyncio.sleep(0)
    postgres_server.terminate_backends(fresh_postgres_url.rpartition("/")[2])
    assert (await running).retryable
    assert (await run(shop, "SELECT n FROM t"))["rows"] == [{"n": 1}]


async def test_a_wrong_password_is_told(context: Context, fresh_postgres_url: str) -> None:
    wrong = URL(fresh_postgres_url).with_password("wrong-one")
    failed = await failure(opened(context, str(wrong)), "SELECT 1")
    assert (failed.type, failed.retryable) == ("credential_refused", False)
    assert "wrong-one" not in str(failed)
    other = URL(fresh_postgres_url).with_path("/nothing")
    assert not (await failure(opened(context, str(other)), "SELECT 1")).retryable


async def test_only_addresses_that_are_allowed_are_reached(context: Context) -> None:
    failed = await failure(opened(context, "postgresql://a:b@127.0.0.1:1/c"), "SELECT 1")
    assert (failed.type, failed.retryable) == ("network", True)
    failed = await failure(opened(context, "postgresql://a:b@169.254.169.254/c"), "SELECT 1")
    assert (failed.type, failed.retryable) == ("address_refused", False)


async def test_what_breaks_at_the_commit_is_not_known(
    context: Context, fresh_postgres_url: str
) -> None:
    url = URL(fresh_postgres_url)
    assert url.port is not None
    async with cut_at(b"COMMIT", url.port) as port:
        shown = opened(context, str(url.with_port(port)))
        failed = await failure(shown, "CREATE TABLE t (n int)")
        assert (failed.type, failed.retryable) == ("outcome_unknown", False)
        failed = await failure(shown, "SELECT 1 AS n", read_only=True)
        assert (failed.type, failed.retryable) == ("network", True)
    async with cut_at(b"CREATE", url.port) as port:
        failed = await failure(opened(context, str(url.with_port(port))), "CREATE TABLE t (n int)")
        assert (failed.type, failed.retryable) == ("network", True)


@pytest.fixture
def tls_url(certificate: tuple[Path, Path], tmp_path: Path) -> Any:
    if find_binaries() is None:
        missing("Postgres")
    key = Path(shutil.copy(certificate[1], certificate[1].with_name("postgres.pem")))
    key.chmod(0o600)
    if user := server_user():
        os.chown(key, user["user"], user["group"])
    settings = {"ssl": "on", "ssl_cert_file": certificate[0], "ssl_key_file": key}
    with PostgresServer(settings=settings) as server:
        yield URL(server.create_database("one")).with_host("localhost")


async def test_tls_is_checked_against_the_name(
    context: Context, trusting: Context, tls_url: URL
) -> None:
    asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

    async def encrypted(shown: Context, url: URL, mode: str) -> bool:
        output = await run(opened(shown, str(url % {"sslmode": mode})), asked)
        return bool(output["rows"][0]["ssl"])

    assert await encrypted(trusting, tls_url, "verify-full")
    assert await encrypted(context, tls_url, "require")
    assert not await encrypted(context, tls_url, "disable")
    other_name = tls_url.with_host("127.0.0.1")
    for shown, url in ((context, tls_url), (trusting, other_name)):
        failed = await failure(opened(shown, str(url % {"sslmode": "verify-full"})), asked)
        assert "not trusted" in str(failed)
        assert (failed.type, failed.retryable) == ("network", False)
    failed = await failure(opened(context, str(tls_url % {"sslmode": "prefer"})), asked)
    assert failed.type == "credential"


async def test_what_does_not_speak_the_protocol_is_no_database(context: Context) -> None:
    async with rude(b"R\x00\x00\x00\x03\xaa") as partner:
        failed = await failure(
            opened(context, f"postgresql://a:b@127.0.0.1:{partner.port}/c"), "SELECT 1"
        )
    assert (failed.type, failed.retryable) == ("network", True)
