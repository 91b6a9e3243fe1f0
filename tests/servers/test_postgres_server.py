from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from tests.servers.guard import is_alive
from tests.servers.postgres import PostgresServer
from tests.servers.postgres_binaries import release, wheel_binaries

WHEEL = list(wheel_binaries())
CUT = (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError)


async def execute(url: str, *statements: str) -> None:
    """Run statements on a connection of their own."""
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def count(url: str) -> int:
    """The rows of the table `t`."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetchval("SELECT count(*) FROM t")
    await connection.close()
    return int(rows)


async def test_commits_are_durable(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert await connection.fetchval(f"SHOW {setting}") == "on"
    await connection.close()


async def test_the_role_of_the_tests_is_no_superuser(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    assert not await connection.fetchval(
        "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    await connection.close()


@pytest.mark.parametrize("turn", [1, 2])
async def test_a_database_knows_nothing_of_the_last(postgres_url: str, turn: int) -> None:
    await execute(postgres_url, f"CREATE TABLE t AS SELECT {turn} AS turn")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restart_keeps_what_was_committed(
    postgres_server: PostgresServer, postgres_url: str, mode: str
) -> None:
    await execute(postgres_url, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1), (2)")
    open_one = await asyncpg.connect(postgres_url)
    await open_one.execute("BEGIN; INSERT INTO t VALUES (3)")
    postgres_server.restart(mode)
    with pytest.raises(CUT):
        await open_one.execute("COMMIT")
    assert await count(postgres_url) == 2


async def test_a_kill_takes_the_sessions_too_and_keeps_what_was_committed(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    await execute(postgres_url, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    open_one = await asyncpg.connect(postgres_url)
    session = open_one.get_server_pid()
    postgres_server.kill()
    assert not postgres_server.running
    assert not is_alive(session)
    postgres_server.start()
    assert await count(postgres_url) == 1
    open_one.terminate()


def test_a_test_may_leave_the_server_dead(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    postgres_server.kill()


async def test_the_next_test_finds_it_alive(postgres_url: str) -> None:
    await execute(postgres_url, "SELECT 1")


async def test_sessions_are_cut_all_or_some(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    sessions = [await asyncpg.connect(postgres_url) for _ in range(3)]
    name = postgres_url.rpartition("/")[2]
    assert postgres_server.terminate_backends(name, most=1) == 1
    assert postgres_server.terminate_backends(name) == 2
    for session in sessions:
        with pytest.raises(CUT):
            await session.execute("SELECT 1")


@pytest.mark.skipif(not WHEEL, reason="there is no wheel for this machine")
@pytest.mark.parametrize("binaries", WHEEL, ids=lambda binaries: str(release(binaries)))
def test_the_wheel_serves_too_and_leaves_nothing(binaries: Path, tmp_path: Path) -> None:
    settings = {"max_connections": 20, "synchronous_commit": "off"}
    with PostgresServer(binaries=binaries, settings=settings) as server:
        assert server.fetch("SHOW synchronous_commit")[0][0] == "off"
        assert server.fetch("SHOW server_version")[0][0].startswith(str(server.release))
        pid, folder = server.pid, server.folder
        server.create_database("one")
    assert not is_alive(pid)
    assert not folder.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


ENDLESS = """
import time
from tests.servers.postgres import PostgresServer

with PostgresServer() as server:
    print(server.pid, server.folder, flush=True)
    time.sleep(60)
"""


def test_killed_tests_leave_nothing() -> None:
    command = [sys.executable, "-c", ENDLESS]
    project = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=project) as tests:
        assert tests.stdout is not None
        pid, folder = tests.stdout.readline().split()
        tests.kill()
    deadline = time.monotonic() + 10
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(int(pid))
    assert not Path(folder).exists()
