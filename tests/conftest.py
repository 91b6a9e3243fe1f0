"""What all tests share: the servers that they start."""

from __future__ import annotations

import pytest

from tests.servers.missing import tell_missing

pytest_plugins = [
    "tests.databases",
    "tests.servers.postgres_fixtures",
    "tests.servers.broker_fixtures",
    "tests.servers.mail_fixtures",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were skipped for a server that is not there."""
    tell_missing(terminalreporter)
