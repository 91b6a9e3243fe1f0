"""The one worker of a SQLite file: a lock that goes with the process, however it ends."""

from __future__ import annotations

import fcntl
import math
import os
from pathlib import Path

from minizaps.errors import WorkerLocked


class FileLock:
    """See `Membership`."""

    patience = math.inf

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    async def join(self, worker: str) -> None:
        handle = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise WorkerLocked(
                f"another Mini-Zaps worker runs on {self._path.with_suffix('')}: stop it, or take "
                "another MINIZAPS_DATA_DIR; several workers need Postgres"
            ) from None
        self._handle = handle

    async def beat(self) -> bool:
        return True

    async def bury(self) -> int:
        return 0

    async def leave(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
