"""A server that runs inside its `with`, and is gone afterwards."""

from __future__ import annotations

import subprocess
from typing import Self


class Running:
    """Starts, prepares and closes a server."""

    _process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Is there a process?"""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until calls are taken."""
        raise NotImplementedError

    def prepare(self) -> None:
        """What is done once, after the first start."""

    def close(self) -> None:
        """Stop, and remove the folder."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
            self.prepare()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
