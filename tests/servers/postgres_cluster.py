"""The folder and the processes of a Postgres for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tests.servers.guard import Guard, is_alive
from tests.servers.places import free_port, new_folder, server_user
from tests.servers.postgres_binaries import reachable
from tests.servers.postgres_session import PostgresSession
from tests.servers.running import Running

PATIENCE = 30.0
ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
INITDB = ("-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync")
HBA = "local all,replication all trust\nhost all minizaps 127.0.0.1/32 scram-sha-256\n"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "synchronous_commit": "on",
    "logging_collector": "off",
    "max_connections": 200,
    "max_wal_size": "256MB",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # in the folder: a kill leaves none behind
}
READY = ("ready", "standby")
Mode = Literal["fast", "immediate"]


class PostgresCluster(Running):
    """Data, a port and a postmaster, which live until `close`, at most as long as the tests."""

    def __init__(self, binaries: Path, folder: Path | None, settings: Mapping[str, Any]) -> None:
        self.folder = new_folder("postgres", folder)
        self._guard = Guard(self.folder, signal.SIGQUIT)
        self._user = server_user()
        if self._user:
            os.chown(self.folder, self._user["user"], self._user["group"])
        self.binaries = reachable(binaries, self.folder, self._user)
        self.port = free_port()
        self.log = self.folder / "log"
        self.data = self.folder / "data"
        self._settings = SETTINGS | dict(settings)
        self._session = PostgresSession(host=str(self.folder), port=self.port, user="postgres")

    def start(self) -> None:
        """Start, with the port and the data of before, and wait until calls are taken."""
        assert not self.running, "the server runs"
        if not self.data.exists():
            self._create()
        for _ in range(10):  # a killed server's port and memory may need a moment to be free
            process = self._run("postgres")
            self._guard.watch(process.pid)
            if self._is_ready(process):
                self._process = process
                return
            process.kill()
            process.wait()
            time.sleep(0.2)
        raise RuntimeError(f"Postgres did not start:\n{self._last_words()}")

    def stop(self, mode: Mode = "fast") -> None:
        """Stop; `immediate` leaves it to the next start to recover from the log."""
        self._end({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])

    def restart(self, mode: Mode = "fast") -> None:
        """Stop, and start again."""
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """SIGKILL for the postmaster and for all its children, which do nothing more."""
        os.kill(self.pid, signal.SIGSTOP)  # so that it has no new children
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        children = [int(child) for child in listed.split()]
        for child in children:
            os.kill(child, signal.SIGKILL)
        self._end(signal.SIGKILL)
        while any(map(is_alive, children)):
            time.sleep(0.001)

    def close(self) -> None:
        """Stop, and remove the folder."""
        self._session.close()
        if self.running:
            self.stop("immediate")
        state = self.data / "postmaster.pid"
        if state.exists():  # it was killed: what it shared with its children is still there
            key = state.read_text().splitlines()[6].split()[1]
            subprocess.run(["ipcrm", "-m", key], check=False)
        self._guard.close()

    def _create(self) -> None:
        if self._run("initdb", *INITDB).wait():
            raise RuntimeError(f"initdb failed:\n{self._last_words()}")
        (self.data / "pg_hba.conf").write_text(HBA)
        own = {"port": self.port, "unix_socket_directories": self.folder}
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in (own | self._settings).items())

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(self.binaries / program), "-D", str(self.data), *arguments]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=ENVIRONMENT,
                start_new_session=True, **self._user,
            )  # fmt: skip

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        state = self.data / "postmaster.pid"
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            lines = state.read_text().splitlines() if state.exists() else []
            if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() in READY:
                return True
            time.sleep(0.01)
        return False

    def _end(self, signal_: signal.Signals) -> None:
        os.kill(self.pid, signal_)
        assert self._process is not None
        self._process.wait(PATIENCE)
        self._process = None
        self._guard.watch(0)

    def _last_words(self) -> str:
        return self.log.read_text()[-2000:]
