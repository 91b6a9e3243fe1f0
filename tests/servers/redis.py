"""A real Redis for tests, which keeps its data in an append-only file."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from tests.servers.daemon import Daemon

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/bin"


def find_redis() -> Path | None:
    """The program, if it is installed."""
    found = shutil.which("redis-server", path=PATH)
    return Path(found) if found else None


class RedisServer(Daemon):
    """One server without a password."""

    def __init__(self) -> None:
        program = find_redis()
        if program is None:
            raise FileNotFoundError("no redis-server")
        self._program = program
        super().__init__("redis")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def flush(self) -> None:
        assert self._call(b"FLUSHALL") == b"+OK\r\n"

    async def forget(self) -> None:
        await self.flush()

    def _command(self) -> tuple[list[str | Path], dict[str, str]]:
        own = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "appendonly": "yes"}
        options = {**own, "appendfsync": "everysec", "save": ""}
        arguments = [part for key, value in options.items() for part in (f"--{key}", str(value))]
        return [self._program, *arguments], {"PATH": PATH, "LC_ALL": "C"}

    def _is_ready(self) -> bool:
        try:
            return self._call(b"PING") == b"+PONG\r\n"
        except OSError:
            return False

    def _call(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
            client.sendall(command + b"\r\n")
            return client.recv(1000)
