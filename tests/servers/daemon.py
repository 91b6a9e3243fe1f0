"""A server that is one process in the foreground, with its folder and its port."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from tests.servers.guard import Guard
from tests.servers.places import free_port, new_folder, server_user
from tests.servers.running import Running

PATIENCE = 30.0


class Daemon(Running, ABC):
    """Runs inside its `with`, at most as long as the tests. Its data outlives restarts."""

    def __init__(self, server: str) -> None:
        self.folder = new_folder(server)
        self.port = free_port()
        self.log = self.folder / "log"
        self._user = server_user()
        self._guard = Guard(self.folder, signal.SIGKILL)
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL for `open_broker`."""

    @abstractmethod
    async def flush(self) -> None:
        """Lose all messages that nobody has taken."""

    @abstractmethod
    async def forget(self) -> None:
        """Lose all messages, and the place where they were."""

    @abstractmethod
    def _command(self) -> tuple[list[str | Path], dict[str, str]]:
        """The program with its arguments, and its environment."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Does it answer?"""

    def start(self) -> None:
        """Start, with the port and the data of before, and wait until calls are taken."""
        assert not self.running, "the server runs"
        command, environment = self._command()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=environment, start_new_session=True, **self._user,
            )  # fmt: skip
        self._guard.watch(process.pid)
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise RuntimeError(f"it did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)
        self._process = process

    def stop(self) -> None:
        """Stop as an operator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Take it away in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop, and start again."""
        self.stop()
        self.start()

    def hang(self) -> None:
        """Let it answer nothing; the kernel still takes connections for it."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `hang`."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End it, and remove the folder."""
        if self.running:
            self.kill()
        self._guard.close()

    def _end(self, signal_: signal.Signals) -> None:
        os.kill(self.pid, signal_)
        assert self._process is not None
        self._process.wait(PATIENCE)
        self._process = None
        self._guard.watch(0)
