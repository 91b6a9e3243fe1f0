"""The program as its operators run it: processes, and a client of their API."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx


class Server:
    """A `minizaps serve` or `minizaps worker`."""

    def __init__(self, folder: Path, *command: str, **settings: str) -> None:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MINIZAPS_")},
            "MINIZAPS_PORT": "0",
            **settings,
        }
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("minizaps"), *(command or ["serve"])],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.greeting = ""

    def wait(self) -> Server:
        """Until it has started."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.greeting += line
            if "Stop with" in line:
                return self
        raise AssertionError(f"the server did not start: {self.greeting}")

    @property
    def url(self) -> str:
        return self.greeting.split()[2]

    @property
    def key(self) -> str:
        found = re.search(r"mz_\S+", self.greeting)
        assert found, self.greeting
        return found[0]

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(20)
        assert self.process.stdout is not None
        self.greeting += self.process.stdout.read()
        self.process.stdout.close()
        return code


def until_ended(api: httpx.Client, run_id: str) -> dict[str, Any]:
    for _ in range(100):
        run: dict[str, Any] = api.get(f"/runs/{run_id}").json()
        if run["finished_at"]:
            return run
        time.sleep(0.1)
    raise AssertionError(f"the run did not end: {run}")


def client(server: Server, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=server.url + "/api/v1", headers=headers)
