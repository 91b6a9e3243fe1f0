"""A whole installation moves to the other database with its runs in flight, and they end there."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Minizaps
from tests.cli.processes import Server, client, until_ended
from tests.cli.sink import Sink, start

Serve = Callable[..., Server]
PAUSED = {
    "name": "paused",
    "triggers": [{"id": "hook", "type": "webhook"}],
    "steps": [
        {"id": "before", "type": "set", "config": {"values": {"n": 1}}},
        {"id": "wait", "type": "delay", "config": {"seconds": 3}},
        {"id": "after", "type": "set", "config": {"values": {"n": "{{ n + 1 }}"}}},
    ],
}


def start_in_flight(api: Any, sink: Sink) -> list[str]:
    """A run that waits, one whose step is under way, and one that is queued behind it."""
    paused = api.post("/workflows", json=PAUSED).json()["id"]
    waiting: str = api.post(f"/workflows/{paused}/runs", json={}).json()["id"]
    while api.get(f"/runs/{waiting}").json()["status"] != "waiting":
        pass
    running = start(api, sink)
    assert sink.called.wait(10)
    queued: str = api.post(f"/workflows/{paused}/runs", json={}).json()["id"]
    runs = [waiting, running, queued]
    statuses = [api.get(f"/runs/{run}").json()["status"] for run in runs]
    assert statuses == ["waiting", "running", "queued"]
    return runs


def move(run: Minizaps, file: str, source: str, target: str) -> None:
    assert run("journal", "export", file, "--database", source).code == 0
    assert run("journal", "import", file, "--database", target).code == 0


@pytest.mark.parametrize("back", [False, True])
def test_runs_in_flight_move_and_end_there(
    back: bool, serve: Serve, minizaps: Minizaps, postgres_url: str, sink: Sink, tmp_path: Path
) -> None:
    first = serve(MINIZAPS_CONCURRENCY="1").wait()
    with client(first, first.key) as api:
        runs = start_in_flight(api, sink)
        hook = api.get("/workflows/paused").json()["triggers"][0]["url"].rpartition("/hooks/")[2]
    first.stop(signal.SIGKILL)
    url = f"sqlite:///{tmp_path}/data/minizaps.db"
    move(minizaps, "there.jsonl", url, postgres_url)
    url = postgres_url
    if back:
        url = f"sqlite:///{tmp_path}/back/minizaps.db"
        move(minizaps, "back.jsonl", postgres_url, url)
        second = serve(MINIZAPS_DATABASE_URL=url).wait()
    else:
        second = serve("serve", "--no-worker", MINIZAPS_DATABASE_URL=url).wait()
        serve("worker", MINIZAPS_DATABASE_URL=url).wait()
    assert "mz_" not in second.greeting, "the keys have moved"
    with client(second, first.key) as api:
        ended = [until_ended(api, run) for run in runs]
        assert [run["status"] for run in ended] == ["succeeded"] * 3
        steps = api.get(f"/runs/{runs[0]}/steps").json()["items"]
        assert [len(step["attempts"]) for step in steps] == [1, 1, 1]
        started = httpx.post(f"{second.url}/hooks/{hook}", json={}).json()["run_id"]
        assert api.get(f"/runs/{started}").json()["workflow"]["name"] == "paused"
    assert len(sink.keys) == 2
    assert len(set(sink.keys)) == 1, "the same idempotency key"


def test_an_export_beside_a_server_is_whole_and_says_that_runs_go_on(
    serve: Serve, minizaps: Minizaps, database_url: str, tmp_path: Path
) -> None:
    serve(MINIZAPS_DATABASE_URL=database_url).wait()
    made = minizaps("journal", "export", "backup.jsonl", "--database", database_url)
    assert (made.code, "runs go on there" in made.err) == (0, True)
    assert "exported 1 workflows, 0 runs" in made.err
    assert (tmp_path / "backup.jsonl").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "backup.jsonl.part").exists()
    full = minizaps("journal", "import", "backup.jsonl", "--database", database_url)
    assert (full.code, "the database is not empty" in full.err) == (1, True)


def test_an_export_goes_through_a_pipe(minizaps: Minizaps, tmp_path: Path) -> None:
    minizaps("workflows", "create", "hello.json")
    program = f"'{Path(sys.executable).with_name('minizaps')}' journal"
    copy = f"sqlite:///{tmp_path}/copy.db"
    script = (
        f"{program} export | {program} import - --database '{copy}' && {program} export | head -c1"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "{"
    assert "imported 1 workflows" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_cannot_be_read_or_written_is_said(minizaps: Minizaps) -> None:
    assert "there is no Mini-Zaps data at" in minizaps("journal", "export", "x").err
    assert "there is no Mini-Zaps data at" in minizaps("journal", "stats").err
    minizaps("workflows", "create", "hello.json")
    assert "cannot write none/x: No such file" in minizaps("journal", "export", "none/x").err
    assert "cannot read none: No such file" in minizaps("journal", "import", "none").err
    other = minizaps("journal", "import", "hello.json", "--database", "mysql://x")
    assert "--database: sqlite:///PATH or postgresql://" in other.err
    wrong = minizaps("journal", "import", "hello.json", "--database", "sqlite:///new.db")
    assert "hello.json: line 1: the dump ends here" in wrong.err
    assert "nothing was imported" in wrong.err


@pytest.mark.parametrize("counted", [True, False])
def test_stats_say_how_large_everything_is(
    minizaps: Minizaps, database_url: str, monkeypatch: pytest.MonkeyPatch, counted: bool
) -> None:
    monkeypatch.setenv("MINIZAPS_DATABASE_URL", database_url)
    if not counted:
        monkeypatch.setattr("minizaps.journal.sizes.COUNTED", 0)
    minizaps("workflows", "create", "hello.json")
    run = minizaps("workflows", "start", "hello").out.split()[0]
    minizaps("workflows", "start", "hello")
    minizaps("runs", "cancel", run)
    shown = minizaps("journal", "stats")
    assert shown.code == 0
    assert "events" in shown.out
    sizes = minizaps("journal", "stats", "--json").json
    exact = counted or "sqlite" in database_url
    assert sizes["exact"] is exact
    if exact:
        assert sizes["runs"] == {"queued": 1, "cancelled": 1}
        assert sizes["events"] == 3
        rows = {table["name"]: table["rows"] for table in sizes["tables"]}
        assert (rows["runs"], rows["workflows"], rows["triggers"], rows["audit"]) == (2, 1, 1, 2)
        assert 500 < sizes["bytes_per_run"] < 200_000
    else:
        assert sizes["runs"]["queued"] == 1
        assert "about" in shown.out
    assert all(table["bytes"] > 0 for table in sizes["tables"])
    assert sizes["database_bytes"] > sum(table["bytes"] for table in sizes["tables"])
    assert sizes["oldest_run"] > "2026"
