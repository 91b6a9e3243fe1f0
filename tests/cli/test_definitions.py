"""`run`, `validate`, `schema`: what an author does before there is a server."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from tests.cli.conftest import HELLO, Minizaps


def test_run_shows_each_step_and_the_output(minizaps: Minizaps) -> None:
    result = minizaps("run", "hello.json", "--input", '{"name": "Ada"}')
    assert result.code == 0
    steps = [line.split()[1] for line in result.out.splitlines() if line.startswith("  ")]
    assert list(dict.fromkeys(steps)) == ["set_1", "delay_1", "set_2"]
    assert 'output  {"said":"Hello Ada!"}' in result.out


def test_run_says_why_it_failed_and_exits_with_1(minizaps: Minizaps) -> None:
    result = minizaps("run", "broken.json")
    assert result.code == 1
    assert "next try at" in result.out
    assert "error   network:" in result.out


def test_run_prints_json_for_programs(minizaps: Minizaps) -> None:
    result = minizaps("run", "hello.json", "--input", '{"name": "Ada"}', "--json")
    assert result.json["status"] == "succeeded"
    assert [s["status"] for s in result.json["steps"]] == ["succeeded"] * 3


def test_a_missing_value_is_said_with_its_place(minizaps: Minizaps) -> None:
    result = minizaps("run", "hello.json", "--input", '{"nam": "Ada"}')
    assert result.code == 1
    assert "/config/values/greeting: 'name' is missing" in result.out


def test_validate_lists_every_problem_of_every_file(minizaps: Minizaps, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"name": "x", "steps": [{"type": "webhok"}], "y": 1}')
    (tmp_path / "worse.json").write_text('{"name": ')
    result = minizaps("validate", "hello.json", "bad.json", "worse.json", "none.json")
    assert result.code == 1
    assert "hello.json: valid" in result.out
    assert "bad.json:/steps/0/type  unknown step type 'webhok': did you mean" in result.out
    assert "bad.json:/y  unknown key 'y'" in result.out
    assert "worse.json:  not acceptable JSON" in result.out
    assert "cannot read none.json" in result.out


def test_the_schema_accepts_what_is_valid_and_refuses_what_is_not(minizaps: Minizaps) -> None:
    schema = minizaps("schema").json
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(HELLO)
    delay = {"type": "delay", "config": {"seconds": "{{ trigger.body.wait }}"}}
    assert validator.is_valid({**HELLO, "steps": [delay]})
    assert not validator.is_valid({**HELLO, "steps": [{"type": "webhok"}]})
    assert not validator.is_valid({**HELLO, "steps": [{"type": "delay", "config": {"sec": 1}}]})


def test_input_that_is_no_json_is_said(minizaps: Minizaps) -> None:
    result = minizaps("run", "hello.json", "--input", "{name}")
    assert result.code == 1
    assert "--input: not acceptable JSON" in result.err


def test_run_gives_up_where_nobody_can_answer(minizaps: Minizaps, tmp_path: Path) -> None:
    asks = {"name": "asks", "steps": [{"id": "approval", "type": "wait"}]}
    (tmp_path / "asks.json").write_text(json.dumps(asks))
    result = minizaps("run", "asks.json")
    assert (result.code, "approval waits for an answer" in result.err) == (1, True)


def test_run_knows_the_workflows_that_are_called(minizaps: Minizaps, tmp_path: Path) -> None:
    call = {
        "id": "sub",
        "type": "workflow",
        "config": {"workflow": "hello", "input": {"name": "Bo"}},
    }
    (tmp_path / "calls.json").write_text(json.dumps({"name": "calls", "steps": [call]}))
    alone = minizaps("run", "calls.json")
    assert "there is no workflow 'hello': save it first" in alone.err
    result = minizaps("run", "calls.json", "--with", "hello.json", "--json")
    assert result.code == 0
    assert result.json["steps"][0]["run"]


TICK = {"id": "tick", "type": "schedule", "config": {"every": 60, "start": "2099-01-01T12:00:00Z"}}


def test_validate_and_show_say_when_a_schedule_fires_next(
    minizaps: Minizaps, tmp_path: Path
) -> None:
    (tmp_path / "tick.json").write_text(json.dumps({**HELLO, "triggers": [TICK]}))
    said = minizaps("validate", "tick.json").out
    assert "tick: schedule, next: 2099-01-01 1" in said
    assert said.count("2099-01-01") == 5
    saved = minizaps("workflows", "create", "tick.json").out
    assert "next: 2099-01-01 1" in saved
    assert "next: 2099-01-01 1" in minizaps("workflows", "show", HELLO["name"]).out
