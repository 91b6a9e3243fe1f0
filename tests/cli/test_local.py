"""Commands on the local data folder, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Minizaps


def test_without_data_a_command_says_what_to_do(minizaps: Minizaps, tmp_path: Path) -> None:
    result = minizaps("runs", "list")
    assert result.code == 1
    assert "start a server here (minizaps serve), or set MINIZAPS_DATA_DIR" in result.err
    assert not (tmp_path / "data").exists()


def test_a_workflow_from_its_first_version_to_its_end(minizaps: Minizaps) -> None:
    assert "hello (version 1) saved" in minizaps("workflows", "create", "hello.json").out
    assert "/hooks/" in minizaps("workflows", "show", "hello").out
    assert minizaps("workflows", "update", "hello", "hello.json").code == 0
    stale = minizaps("workflows", "update", "hello", "hello.json", "--expect", "1")
    assert (stale.code, "at version 2, not 1" in stale.err) == (1, True)
    assert "version 3" in minizaps("workflows", "rollback", "hello", "1").out
    assert "not active" in minizaps("workflows", "deactivate", "hello").out
    versions = minizaps("workflows", "versions", "hello", "--json").json
    assert [v["version"] for v in versions] == [3, 2, 1]
    assert "name" in minizaps("workflows", "list").out
    taken = minizaps("workflows", "create", "hello.json")
    assert "a workflow named 'hello' exists" in taken.err
    assert minizaps("workflows", "delete", "hello").code == 0
    assert "No workflows yet." in minizaps("workflows", "list").out


def test_a_run_waits_for_a_server_and_can_be_cancelled(minizaps: Minizaps) -> None:
    minizaps("workflows", "create", "hello.json")
    started = minizaps("workflows", "start", "hello", "--input", '{"name": "Ada"}')
    run_id = started.out.split()[0]
    assert "is queued" in started.out
    assert "minizaps serve" in started.out
    assert run_id in minizaps("runs", "list").out
    shown = minizaps("runs", "show")
    assert "queued" in shown.out
    assert "No step has started yet." in shown.out
    assert "is cancelled" in minizaps("runs", "cancel", run_id).out
    again = minizaps("runs", "cancel", run_id)
    assert (again.code, "it has ended already" in again.err) == (1, True)
    replayed = minizaps("runs", "replay", run_id, "--from", "start", "--input", "@hello.json")
    assert f"a replay of {run_id}" in replayed.out
    assert minizaps("runs", "show", "--json").json["input"]["name"] == "hello"


def test_keys_are_shown_once(minizaps: Minizaps) -> None:
    made = minizaps("keys", "create", "--name", "ci", "--role", "operator")
    secret = made.out.split()[-1]
    assert secret.startswith("mz_")
    listed = minizaps("keys", "list")
    assert "operator" in listed.out
    assert secret not in listed.out
    key_id = minizaps("keys", "list", "--json").json[0]["id"]
    assert minizaps("keys", "delete", key_id).code == 0
    assert "No keys." in minizaps("keys", "list").out


def test_the_inbox_is_empty_at_first_and_a_choice_is_asked_for(minizaps: Minizaps) -> None:
    minizaps("workflows", "create", "hello.json")
    assert "nothing waits for you" in minizaps("dead-letters", "list").out
    unchosen = minizaps("dead-letters", "discard")
    assert (unchosen.code, "by their ids, or choose" in unchosen.err) == (2, True)
    assert "No open dead letter" in minizaps("dead-letters", "replay", "--workflow", "hello").out


def test_doctor_finds_a_sound_installation_and_an_open_folder(
    minizaps: Minizaps, tmp_path: Path
) -> None:
    minizaps("workflows", "create", "hello.json")
    sound = minizaps("doctor")
    assert sound.code == 0, sound.out
    assert "journal mode: wal" in sound.out
    (tmp_path / "data").chmod(0o755)
    opened = minizaps("doctor")
    assert opened.code == 1
    assert "others can read it" in opened.out


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MINIZAPS_PORT", "http", "MINIZAPS_PORT"),
        ("MINIZAPS_DATABASE_URL", "mysql://x", "MINIZAPS_DATABASE_URL"),
        ("MINIZAPS_ALLOW_NETWORKS", "10.0.0.0/99", "MINIZAPS_ALLOW_NETWORKS"),
    ],
)
def test_a_wrong_setting_is_named(
    minizaps: Minizaps, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    result = minizaps("doctor")
    assert result.code == 1
    assert message in result.out


def test_an_unreachable_server_is_said(minizaps: Minizaps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIZAPS_URL", "http://127.0.0.1:1")
    monkeypatch.delenv("MINIZAPS_API_KEY", raising=False)
    assert "MINIZAPS_API_KEY is not" in minizaps("runs", "list").err
    monkeypatch.setenv("MINIZAPS_API_KEY", "mz_x")
    result = minizaps("runs", "list")
    assert (result.code, "cannot reach http://127.0.0.1:1" in result.err) == (1, True)
