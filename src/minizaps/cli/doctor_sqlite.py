"""What `minizaps doctor` asks of the embedded database, its folder and its disk."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from minizaps.errors import MinizapsError
from minizaps.journal.sqlite.connection import connect

SYNCS = 20
SLOW_SYNC_MS = 50.0
ENOUGH_MIB = 500
Finding = tuple[bool, str]


def findings(path: Path) -> Iterator[Finding]:
    """Whether each thing is well, and what was found."""
    yield from _folder(path.parent)
    yield from _database(path)
    yield from _disk(path.parent)


def _folder(folder: Path) -> Iterator[Finding]:
    if not folder.exists():
        yield True, f"data folder {folder}: not there yet; the first start makes it"
        return
    mode = stat.S_IMODE(folder.stat().st_mode)
    open_to_others = f", others can read it: chmod 700 {folder}" if mode & 0o077 else ""
    yield mode & 0o077 == 0, f"data folder {folder}: mode {mode:o}{open_to_others}"
    free = os.statvfs(folder)
    megabytes = free.f_bavail * free.f_frsize // 2**20
    yield megabytes > ENOUGH_MIB, f"free space: {megabytes} MiB"


def _database(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield True, f"database {path}: not there yet"
        return
    try:
        db = connect(path, read_only=True)
        result = db.execute("PRAGMA quick_check(1)").get
        journal = db.execute("PRAGMA journal_mode").get
        db.close()
    except (MinizapsError, apsw.Error) as error:
        yield False, f"database {path}: {error}"
        return
    yield result == "ok", f"database {path}: {result}"
    yield journal == "wal", f"journal mode: {journal}"


def _disk(folder: Path) -> Iterator[Finding]:
    """A commit waits for the disk; a disk that answers at once does not keep what it says."""
    if not folder.exists():
        folder = Path.cwd()
    probe = folder / ".minizaps-doctor"
    try:
        with probe.open("wb", buffering=0) as file:
            start = time.perf_counter()
            for _ in range(SYNCS):
                file.write(b"x" * 4096)
                os.fsync(file)
            each = (time.perf_counter() - start) / SYNCS * 1000
    except OSError as error:
        yield False, f"disk at {folder}: {error.strerror}"
        return
    finally:
        probe.unlink(missing_ok=True)
    yield each < SLOW_SYNC_MS, f"disk: {each:.2f} ms for a write that must be on it (fsync)"
