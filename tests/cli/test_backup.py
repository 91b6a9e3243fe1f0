"""What docs/backup.md tells operators to do with Postgres, done."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.cli.conftest import Minizaps
from tests.cli.processes import Server, client, until_ended
from tests.servers.postgres import PostgresServer

RESTORED = "restored"
SETS = {"name": "sets", "steps": [{"type": "set", "config": {"values": {"n": 1}}}]}


@pytest.fixture
def restored_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database."""
    yield postgres_server.create_database(RESTORED)
    postgres_server.drop_database(RESTORED)


def test_a_dump_by_postgres_of_a_running_installation_is_restored(
    serve: Callable[..., Server],
    minizaps: Minizaps,
    postgres_server: PostgresServer,
    postgres_url: str,
    restored_url: str,
) -> None:
    programs = postgres_server.binaries
    if not (programs / "pg_dump").exists():
        pytest.skip("this Postgres comes without pg_dump")
    first = serve(MINIZAPS_DATABASE_URL=postgres_url).wait()
    with client(first, first.key) as api:
        workflow = api.post("/workflows", json=SETS).json()["id"]
        run = api.post(f"/workflows/{workflow}/runs", json={}).json()
        until_ended(api, run["id"])
    dump = ["pg_dump", "--format=custom", "--file=minizaps.dump", postgres_url]
    restore = ["pg_restore", "--no-owner", "--single-transaction", f"--dbname={restored_url}"]
    for program, *arguments in (dump, [*restore, "minizaps.dump"]):
        subprocess.run([programs / program, *arguments], check=True)
    lines = []
    for url in (postgres_url, restored_url):
        assert minizaps("journal", "export", "rows.jsonl", "--database", url).code == 0
        with open("rows.jsonl") as file:
            lines.append(file.readlines()[1:-1])
    assert lines[0] == lines[1]
    second = serve(MINIZAPS_DATABASE_URL=restored_url).wait()
    with client(second, first.key) as api:
        again = api.post(f"/workflows/{workflow}/runs", json={}).json()
        assert until_ended(api, again["id"])["status"] == "succeeded"
        assert api.get(f"/runs/{run['id']}").json()["status"] == "succeeded"
