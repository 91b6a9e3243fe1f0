"""The processes of the crash test: the server, which is killed, and the sink, which is not."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from minizaps.settings import SQLITE

from .evidence import Life

ROOT = Path(__file__).resolve().parents[2]
STARTS_WITHIN = 90.0
STOPS_WITHIN = 20.0
# Below the ephemeral ports, so that no outgoing connection takes the port of a dead server.
PORTS = range(20_000, 32_000)


class Hung(Exception):
    """A process did not do in time what it should have done."""


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def free_port() -> int:
    """A port that nobody listens on."""
    while True:
        port = random.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


async def spawn(
    module: str, *arguments: str, env: dict[str, str], folder: Path
) -> asyncio.subprocess.Process:
    """Start a module of this package as a process; its log goes to a file in `folder`."""
    with (folder / f"{module}.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", f"tests.crash.{module}", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={**_clean_environment(), "PYTHONPATH": str(ROOT), **env},
        )


def _clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("MINIZAPS_", "COV_"))}


class Server:
    """A process of the program, over all its lives.

    Attributes:
        database: the URL of its database.
        key: the admin key that its first start has shown.
    """

    def __init__(
        self,
        folder: Path,
        sabotage: str | None = None,
        command: str = "serve",
        **settings: str,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.lives: list[Life] = []
        self.key = ""
        self._settings = {
            "MINIZAPS_DATA_DIR": str(folder / "data"),
            "MINIZAPS_PORT": str(self.port),
            "MINIZAPS_DATABASE_URL": f"{SQLITE}{folder / 'data' / 'minizaps.db'}",
            **settings,
        }
        self.database = self._settings["MINIZAPS_DATABASE_URL"]
        self._arguments = [command, *(sabotage.split(",") if sabotage else ())]
        self._process: asyncio.subprocess.Process | None = None
        self._ending: asyncio.Task[None]

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The id of its process."""
        assert self._process is not None
        return self._process.pid

    @property
    def up(self) -> bool:
        """Whether it runs and takes requests."""
        return self.running and self.lives[-1].ready is not None

    async def start(self, failpoint: str | None = None, *, wait: bool = True) -> bool:
        """Start it; return whether it came up (it may die before, at its failpoint).

        Args:
            wait: whether to wait until it takes requests.

        Raises:
            Hung: it neither came up nor died.
        """
        env = dict(self._settings)
        if failpoint is not None:
            env["MINIZAPS_FAILPOINT"] = failpoint
        self.lives.append(Life(now(), failpoint))
        self._process = await spawn("launcher", *self._arguments, env=env, folder=self.folder)
        self._ending = asyncio.create_task(self._note_end(self._process, self.lives[-1]))
        return wait and await self._read_greeting()

    async def _note_end(self, process: asyncio.subprocess.Process, life: Life) -> None:
        await process.wait()
        life.ended = now()

    async def _read_greeting(self) -> bool:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(STARTS_WITHIN):
                async for raw in self._process.stdout:
                    line = raw.decode().strip()
                    if re.fullmatch(r"mz_[\w-]+", line):
                        self.key = line
                    if name := re.match(r"Mini-Zaps worker (\S+)", line):
                        self.lives[-1].worker = name[1]
                    if "Stop with" in line:
                        self.lives[-1].ready = now()
                        return True
        except TimeoutError:
            await self.kill("hung")
            raise Hung(f"the server did not start within {STARTS_WITHIN:g} s") from None
        return False

    async def live(self, seconds: float) -> bool:
        """Let it run; return whether it is still there afterwards."""
        assert self._process is not None
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
            return False
        except TimeoutError:
            return True

    async def kill(self, how: str) -> None:
        """End it with SIGKILL, if it has not died at its failpoint."""
        assert self._process is not None
        died = self._process.returncode is not None
        if not died:
            self._send(signal.SIGKILL)
        await self._reap()
        self.lives[-1].how = self._how("itself" if died else how, -signal.SIGKILL)

    async def stop(self) -> None:
        """End it with SIGTERM.

        Raises:
            Hung: it did not stop, or not well.
        """
        assert self._process is not None
        self._send(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOPS_WITHIN):
                await self._process.wait()
        except TimeoutError:
            await self.kill("hung")
            raise Hung(f"the server did not stop within {STOPS_WITHIN:g} s of SIGTERM") from None
        await self._reap()
        self.lives[-1].how = self._how("SIGTERM", 0)

    def _how(self, wanted: str, code: int) -> str:
        """How the process has ended: as it was wanted to, at its failpoint, or otherwise."""
        assert self._process is not None
        name = (self.lives[-1].failpoint or "").partition(":")[0]
        if self._process.returncode == -signal.SIGKILL and (code == 0 or wanted == "itself"):
            return name or "itself"
        if self._process.returncode == -signal.SIGTERM and wanted == "SIGTERM":
            return "SIGTERM at its start"  # before it listens to signals
        return wanted if self._process.returncode == code else f"code {self._process.returncode}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP."""
        self._send(number)

    def _send(self, number: signal.Signals) -> None:
        # Not by the process's own method: it may reap a process that the event loop waits for.
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    async def _reap(self) -> None:
        assert self._process is not None
        await self._process.communicate()
        await self._ending


class SinkProcess:
    """The sink: one process for the whole campaign."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "calls.jsonl"
        self.answers = folder / "answers.jsonl"
        self.url = ""
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> SinkProcess:
        self._process = await spawn(
            "sink", str(self.log), str(self.answers), env={}, folder=self._folder
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(STARTS_WITHIN):
            port = int(await self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOPS_WITHIN):
                await self._process.communicate()
        except TimeoutError:
            os.kill(self._process.pid, signal.SIGKILL)
            await self._process.communicate()
