"""Child processes: started, watched through /proc, and stopped."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


class Child:
    """A child process whose output goes to a file."""

    def __init__(self, command: list[str], output: Path, *, env: dict[str, str], cwd: Path) -> None:
        self.output = output
        with output.open("ab") as sink:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=env, cwd=cwd
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def check(self) -> None:
        """Fail if it has ended by itself."""
        if (code := self._process.poll()) is not None:
            text = self.output.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"a process ended with code {code}:\n{text}")

    async def says(self, text: str) -> None:
        """Wait until its output holds a text."""
        while text not in self.output.read_text():
            self.check()
            await asyncio.sleep(0.01)

    async def finished(self) -> None:
        """Wait until it has ended.

        Raises:
            RuntimeError: it has failed.
        """
        while self._process.poll() is None:
            await asyncio.sleep(0.05)
        if self._process.returncode:
            self.check()

    def cpu(self) -> float:
        """Seconds of user and system time so far, of all its threads."""
        return sum(_times(self.pid)[:2]) / TICKS

    def memory(self, field: str) -> float:
        """Memory in MiB: `VmRSS` now, `VmHWM` at most so far."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {field} of process {self.pid}")

    def stop(self) -> None:
        """Ask it to stop; insist after a while."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def start_module(module: str, *arguments: str, folder: Path, **settings: str) -> Child:
    """Run `python -m module` from the repository's root, with some settings of Mini-Zaps."""
    command = [sys.executable, "-m", module, *arguments]
    environment = plain_environment(**settings)
    return Child(command, folder / f"{module}.log", env=environment, cwd=ROOT)


async def printed(child: Child) -> dict[str, float]:
    """The line of JSON that a process has printed last, once it has ended."""
    try:
        await child.finished()
    finally:
        child.stop()
    result: dict[str, float] = orjson.loads(child.output.read_text().splitlines()[-1])
    return result


def tree_cpu(pid: int) -> float:
    """Seconds of user and system time of a process and its descendants, ended ones too."""
    ticks, known = 0, [pid]
    for process in known:
        try:
            ticks += sum(_times(process))
            known += map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return ticks / TICKS


def _times(pid: int) -> list[int]:
    """Ticks of user and system time, of the process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(ticks) for ticks in fields[11:15]]


def plain_environment(**settings: str) -> dict[str, str]:
    """The environment without any MINIZAPS_* setting but the given ones."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MINIZAPS_")}
    return kept | {f"MINIZAPS_{name}": value for name, value in settings.items()}


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def disk_folder() -> Path:
    """A new temporary folder on a real disk."""
    for parent in (Path(tempfile.gettempdir()), ROOT.parent):
        if _file_system(parent) not in IN_MEMORY and os.access(parent, os.W_OK):
            folder = Path(tempfile.mkdtemp(prefix="minizaps-bench-", dir=parent))
            folder.chmod(0o711)  # Postgres, which does not run as root, has its folder in it
            return folder
    raise RuntimeError("no writable folder on a disk: set TMPDIR")


def _file_system(path: Path) -> str:
    """The type of the file system that a folder is on."""
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount, mount_kind, *_ = line.split()
        if path.resolve().is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, mount_kind
    return kind


def machine() -> str:
    """The machine, by its cores and its memory."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{len(os.sched_getaffinity(0))} cores, {total / 2**30:.0f} GiB of memory"


class Busy:
    """How much of the machine others used while we measured."""

    def __init__(self) -> None:
        self._machine, self._ours, self._began = _busy(), _our_cpu(), time.monotonic()

    def others(self) -> float:
        """The cores that other processes kept busy, on average; after all children have ended."""
        took = time.monotonic() - self._began
        return max(0.0, _busy() - self._machine - (_our_cpu() - self._ours)) / took


def _busy() -> float:
    """Seconds that all cores were busy since the machine's start."""
    user, nice, system, _, _, irq, soft, *_ = (
        int(t) for t in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + soft) / TICKS


def _our_cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
