"""What the tests of the documentation share: its pages, a target, and a real server."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "connector")]  # for `docs` and `run_it`

BIN = Path(sys.executable).parent
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code in a page."""

    page: str
    heading: str
    language: str
    text: str


@dataclass(frozen=True)
class Documents:
    """The documentation's pages, by their paths from the project's root."""

    pages: dict[str, str]

    def blocks(self, language: str, page: str | None = None) -> list[Block]:
        """The blocks of a language, in their order."""
        return [
            Block(name, _heading(text, match.start()), match[1], match[2])
            for name, text in self.pages.items()
            for match in _FENCE.finditer(text)
            if match[1] == language and page in (None, name)
        ]


def _heading(text: str, position: int) -> str:
    headings = re.findall(r"^#+ (.*)$", text[:position], re.MULTILINE)
    return headings[-1] if headings else ""


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def documents() -> Documents:
    paths = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md"))]
    paths += sorted(ROOT.glob("examples/**/*.md"))
    return Documents({str(path.relative_to(ROOT)): path.read_text() for path in paths})


@dataclass
class Target:
    """A local server that the examples call.

    Attributes:
        answers: status and JSON, or bytes, for each `METHOD /path`; any other call is answered
            with 404.
        calls: what was called, with the JSON body and the headers.
    """

    port: int = 0
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    calls: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)

    def bodies(self, call: str) -> list[Any]:
        """The bodies that were sent to `METHOD /path`."""
        return [body for called, body, _ in self.calls if called == call]

    def aim(self, text: str) -> str:
        """The text with its URLs led to this server."""
        return text.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{self.port}")


@pytest.fixture
def target() -> Iterator[Target]:
    found = Target()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            call = f"{self.command} {self.path.partition('?')[0]}"
            found.calls.append((call, json.loads(raw) if raw else None, dict(self.headers)))
            status, answer = found.answers.get(call, (404, {"error": "not here"}))
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(frozen=True)
class Served:
    """A real `minizaps serve` on a folder of its own.

    Attributes:
        environment: what a shell beside it needs.
        greeting: what it printed at its start.
    """

    folder: Path
    port: int
    greeting: str
    environment: dict[str, str]

    def shell(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script with bash in the folder."""
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env={**self.environment, **variables},
            text=True,
            capture_output=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    port = free_port()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MINIZAPS_")}
    environment = {
        **clean,
        "PATH": f"{BIN}:{clean['PATH']}",
        "MINIZAPS_PORT": str(port),
        "COLUMNS": "160",
    }
    output = folder / "serve.txt"
    with output.open("w") as file:
        process = subprocess.Popen(
            [BIN / "minizaps", "serve"],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 30
        while "Stop with Ctrl-C" not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.05)
        yield Served(folder, port, output.read_text(), environment)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture
def port() -> int:
    """A free port."""
    return free_port()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
