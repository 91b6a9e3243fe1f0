"""Ends a test server and removes its folder when the tests are gone, however they ended.

Run as a program it is the guard: it reads process ids from its standard input, one a line. When
the input ends it ends the process of the last line and removes the folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 5.0


class Guard:
    """A process that outlives the tests; no kill of them leaves a server behind."""

    def __init__(self, folder: Path, gentle: signal.Signals = signal.SIGTERM) -> None:
        command = [sys.executable, "-I", "-S", __file__, str(folder), str(int(gentle))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, text=True, start_new_session=True, cwd="/"
        )

    def watch(self, pid: int) -> None:
        """The server has this process id from now on; 0 while it does not run."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{pid}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Let the guard end the server and remove the folder now."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def is_alive(pid: int) -> bool:
    """Does this process do anything yet? One that nobody has asked for its exit code does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(") ")[2][0] not in "ZX"


def end(pid: int, gentle: int) -> None:
    """End a process that is not ours: ask it, then kill it."""
    deadline = time.monotonic() + PATIENCE
    with suppress(ProcessLookupError):
        os.kill(pid, gentle)
        while is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)


def guard(folder: str, gentle: int) -> None:
    """Wait for the end of the tests, then clean up."""
    pid = 0
    for line in sys.stdin:
        pid = int(line)
    if pid:
        end(pid, gentle)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    guard(sys.argv[1], int(sys.argv[2]))
