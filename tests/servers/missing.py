"""What happens to a test whose server is not on this machine."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import NoReturn

import pytest

INSTALL = "run `make services`"
REASON = re.compile(rf"needs (.+): {re.escape(INSTALL)}")


def missing(server: str) -> NoReturn:
    """Skip the test, or fail it where `MINIZAPS_TEST_SERVERS=required`, as in CI."""
    reason = f"needs {server}: {INSTALL}"
    if os.environ.get("MINIZAPS_TEST_SERVERS") == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def tell_missing(terminal: pytest.TerminalReporter) -> None:
    """Write what was missing; under xdist the reports of all processes are here."""
    skipped = terminal.stats.get("skipped", [])
    found = (REASON.search(str(report.longrepr)) for report in skipped)
    servers = Counter(match[1] for match in found if match)
    for server, count in sorted(servers.items()):
        tests, them = ("1 test", "it") if count == 1 else (f"{count} tests", "them")
        told = f"{server} is missing: {tests} skipped. To have {them} run, {INSTALL}"
        terminal.write_line(told, yellow=True)
