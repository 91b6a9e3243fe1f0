"""A real RabbitMQ for tests: one node with its own port mapper, and no plugins."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from aio_pika import connect
from aiormq.abc import FieldTable

from tests.servers.daemon import Daemon
from tests.servers.guard import Guard
from tests.servers.places import free_port, new_folder

PATH = os.environ.get("PATH", os.defpath)
PLACES = ("/usr/lib/rabbitmq/bin", "/usr/local/lib/rabbitmq/bin", "/opt/rabbitmq/sbin")
QUEUE = "minizaps.runs"
PASSWORD = "canary-guest"
QUIET = "+sbwt none +sbwtdcpu none +sbwtdio none"  # schedulers that wait without spinning


def find_rabbitmq() -> Path | None:
    """The script that starts a node, if it and Erlang's port mapper are installed.

    Debian's `rabbitmq-server` on the PATH is a wrapper that changes the user and the folder.
    """
    found = shutil.which("rabbitmq-server", path=os.pathsep.join(PLACES))
    return Path(found) if found and shutil.which("epmd", path=PATH) else None


class RabbitMQServer(Daemon):
    """One node with the user `guest`, whose password is not the usual one."""

    def __init__(self) -> None:
        program = find_rabbitmq()
        if program is None:
            raise FileNotFoundError("no rabbitmq-server")
        self._program = program
        self._mapper_port, self._distribution_port = free_port(), free_port()
        super().__init__("rabbitmq")
        # A node would start a port mapper that outlives it.
        self._mapper_guard = Guard(new_folder("epmd"), signal.SIGKILL)
        self._mapper = subprocess.Popen(
            ["epmd", "-port", str(self._mapper_port)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=self._environment(), cwd="/", start_new_session=True,
            **self._user,
        )  # fmt: skip
        self._mapper_guard.watch(self._mapper.pid)
        while not is_open(self._mapper_port):
            time.sleep(0.01)

    @property
    def url(self) -> str:
        return f"amqp://guest:{PASSWORD}@127.0.0.1:{self.port}/"

    async def flush(self) -> None:
        arguments: FieldTable = {"x-queue-type": "quorum"}
        async with await connect(self.url) as connection, connection.channel() as channel:
            queue = await channel.declare_queue(QUEUE, durable=True, arguments=arguments)
            await queue.purge()

    async def forget(self) -> None:
        async with await connect(self.url) as connection, connection.channel() as channel:
            await channel.queue_delete(QUEUE)

    def close(self) -> None:
        super().close()
        self._mapper.kill()
        self._mapper.wait()
        self._mapper_guard.close()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": PATH,
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": str(self._mapper_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_BYTES": "0",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            # Makes the script become the node, in place of a shell that waits for it.
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": QUIET,
        }

    def _command(self) -> tuple[list[str | Path], dict[str, str]]:
        (self.folder / "plugins").write_text("[].")
        (self.folder / "rabbitmq.conf").write_text(f"default_pass = {PASSWORD}\n")
        return [self._program], self._environment()

    def _is_ready(self) -> bool:
        return is_open(self.port, b"AMQP\x00\x00\x09\x01")


def is_open(port: int, greeting: bytes = b"") -> bool:
    """Does somebody take connections there, and answer the greeting?"""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(greeting)
            return not greeting or bool(client.recv(1))
    except OSError:
        return False
