"""`test`: what the command prints, writes and exits with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Minizaps

ADA = {"name": "Ada"}
GREETS = {"name": "it greets", "input": ADA, "expect": {"output": {"said": "Hello Ada!"}}}
WRONG = {"name": "it sings", "input": ADA, "expect": {"output": {"said": "La \u001b"}}}


@pytest.fixture
def hello(tmp_path: Path) -> Any:
    """Writes the tests of hello.json."""

    def write(*tests: Any, to: str = "hello.test.json") -> None:
        (tmp_path / to).write_text(json.dumps({"tests": tests}))

    return write


def test_passing_tests_are_a_line_each(minizaps: Minizaps, hello: Any) -> None:
    hello(GREETS, {**GREETS, "name": "it greets again"})
    result = minizaps("test", "hello.json")
    lines = result.out.splitlines()
    assert (result.code, result.err) == (0, "")
    assert lines[:3] == ["hello.json", "  ✓ it greets  PT0S", "  ✓ it greets again  PT0S"]
    assert lines[3].startswith("2 passed in ")


def test_a_failing_test_shows_a_diff_and_the_steps(minizaps: Minizaps, hello: Any) -> None:
    hello(WRONG, GREETS)
    result = minizaps("test", "hello.json")
    assert result.code == 1
    lines = [line.rstrip() for line in result.out.splitlines()]
    assert "  ✗ it sings  PT0S" in lines
    assert '    -    "said": "La \\u001b"' in lines
    assert '    +    "said": "Hello Ada!"' in lines
    assert [line.split()[:2] for line in lines if 'Hello Ada"}' in line] == [["✓", "set_1"]]
    assert lines[-1].startswith("1 passed, 1 failed in ")


def test_a_folder_stands_for_all_workflows_in_it_that_have_tests(
    minizaps: Minizaps, hello: Any
) -> None:
    hello(GREETS)
    assert minizaps("test", ".").out.splitlines()[0] == "hello.json"


def test_a_file_of_tests_stands_for_its_workflow(minizaps: Minizaps, hello: Any) -> None:
    hello(GREETS)
    result = minizaps("test", "hello.test.json", "hello.json")
    assert result.out.count("it greets") == 1


def test_other_tests_can_be_named(minizaps: Minizaps, hello: Any) -> None:
    hello(WRONG)
    hello(GREETS, to="other.json")
    assert minizaps("test", "hello.json", "--tests", "other.json").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["broken.json"], "broken.json has no tests: there is no broken.test.json"),
        (["."], "there are no tests in .: no file is named *.test.json"),
        (["hello.json", "broken.json", "--tests", "x.json"], "--tests goes with one workflow"),
    ],
)
def test_what_is_not_there_is_told(minizaps: Minizaps, arguments: list[str], said: str) -> None:
    result = minizaps("test", *arguments)
    assert (result.code, result.err) == (1, f"minizaps: {said}")


def test_a_word_chooses_tests(minizaps: Minizaps, hello: Any) -> None:
    hello(WRONG, GREETS)
    assert minizaps("test", "hello.json", "-k", "GREET").code == 0
    none = minizaps("test", "hello.json", "-k", "dances")
    assert (none.code, none.err) == (1, "minizaps: no test has 'dances' in its name")


def test_json_has_every_outcome(minizaps: Minizaps, hello: Any) -> None:
    hello(GREETS, WRONG)
    result = minizaps("test", "hello.json", "--json")
    found = result.json
    assert (result.code, found["passed"], found["failed"], found["broken"]) == (1, 1, 1, 0)
    (file,) = found["files"]
    first, second = file["tests"]
    assert (first["name"], first["passed"], first["took"], first["diff"]) == (
        "it greets", True, "PT0S", [],
    )  # fmt: skip
    assert (second["passed"], second["diff"][:2]) == (False, ["--- expected", "+++ found"])
    assert [step["name"] for step in second["steps"]] == ["set_1", "delay_1", "set_2"]


def test_junit_has_a_case_for_each_test(minizaps: Minizaps, hello: Any, tmp_path: Path) -> None:
    hello(GREETS, WRONG)
    (tmp_path / "broken.test.json").write_text('{"tests": []}')
    result = minizaps("test", ".", "--junit", "results.xml")
    assert result.code == 1
    root = ElementTree.parse(tmp_path / "results.xml").getroot()
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == (
        "testsuites", "3", "1", "1",
    )  # fmt: skip
    broken, suite = root
    assert broken[0][0].tag == "error"
    assert "/tests: list should have at least 1 item" in str(broken[0][0].text)
    passed, failed = suite
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (
        "hello.json",
        "2",
        "1",
    )
    assert (passed.get("classname"), passed.get("name"), len(passed)) == ("hello", "it greets", 0)
    assert 0 < float(str(passed.get("time"))) < 10
    assert failed[0].tag == "failure"
    assert '-    "said": "La' in str(failed[0].text)


def test_junit_holds_any_text(minizaps: Minizaps, hello: Any, tmp_path: Path) -> None:
    hello({**GREETS, "name": "a \u001b & <b> \ufffe ✓"})
    minizaps("test", "hello.json", "--junit", "results.xml")
    (case,) = ElementTree.parse(tmp_path / "results.xml").getroot()[0]
    assert case.get("name") == "a � & <b> � ✓"


def test_problems_of_a_file_are_told_and_the_others_run(
    minizaps: Minizaps, hello: Any, tmp_path: Path
) -> None:
    hello(GREETS)
    suite = {"tests": [{"name": "a", "mocks": {"cal": {"output": {}}}, "expects": {}}, {}]}
    (tmp_path / "broken.test.json").write_text(json.dumps(suite))
    result = minizaps("test", ".")
    assert result.code == 1
    assert "  broken.test.json:/tests/0/expects: unknown key 'expects'" in result.out
    assert "  broken.test.json:/tests/1/name: is required" in result.out
    assert "✓ it greets" in result.out
    assert "1 passed, 1 broken" in result.out


def test_validate_checks_files_of_tests_too(minizaps: Minizaps, hello: Any, tmp_path: Path) -> None:
    hello(GREETS)
    suite = {"tests": [{"name": "a", "mocks": {"cal": {"output": {}}}}]}
    (tmp_path / "broken.test.json").write_text(json.dumps(suite))
    result = minizaps("validate", "hello.test.json", "broken.test.json")
    assert result.code == 1
    assert result.out.splitlines() == [
        "hello.test.json: valid",
        "broken.test.json:/tests/0/mocks/cal  there is no step 'cal': did you mean 'call'?",
    ]


def test_fifty_tests_take_a_few_seconds(minizaps: Minizaps, hello: Any) -> None:
    hello(*({**GREETS, "name": f"it greets {n}"} for n in range(50)))
    result = minizaps("test", "hello.json")
    passed, _, seconds = result.out.splitlines()[-1].partition(" passed in ")
    assert (passed, float(seconds.removesuffix(" s")) < 5) == ("50", True), seconds


def test_the_machines_settings_do_not_matter(
    minizaps: Minizaps, hello: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hello(GREETS)
    monkeypatch.setenv("MINIZAPS_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    monkeypatch.setenv("MINIZAPS_MAX_EVENTS", "many")
    assert minizaps("test", "hello.json").code == 0
