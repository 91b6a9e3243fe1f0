from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from tests.servers.missing import missing, tell_missing

def pytest_terminal_summary(terminalreporter):
    tell_missing(terminalreporter)

@pytest.fixture(scope="session")
def rabbitmq():
    missing("RabbitMQ")
"""
TESTS = """
import pytest
from tests.servers.missing import missing

@pytest.mark.parametrize("n", range(3))
def test_queue(rabbitmq, n): ...

def test_stream():
    missing("Redis")

@pytest.mark.skip("for another reason")
def test_other(): ...

def test_good(): ...
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Six tests, four of which need a server that is not there."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they take seconds to load
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.delenv("MINIZAPS_TEST_SERVERS", raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    return pytester


@pytest.mark.parametrize("options", [[], ["-p", "xdist.plugin", "-n", "2"]], ids=["alone", "xdist"])
def test_the_last_lines_name_what_was_missing(project: pytest.Pytester, options: list[str]) -> None:
    result = project.runpytest_subprocess(*options)
    result.assert_outcomes(passed=1, skipped=5)
    result.stdout.fnmatch_lines(
        [
            "RabbitMQ is missing: 3 tests skipped. To have them run, run `make services`",
            "Redis is missing: 1 test skipped. To have it run, run `make services`",
        ]
    )


def test_nothing_is_said_when_all_is_there(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("-k", "good or other")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.no_fnmatch_line("*is missing*")


def test_where_servers_are_required_a_missing_one_is_a_failure(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIZAPS_TEST_SERVERS", "required")
    result = project.runpytest_subprocess()
    result.assert_outcomes(passed=1, skipped=1, failed=1, errors=3)
    result.stdout.fnmatch_lines(["*needs Redis: run `make services`*"])
