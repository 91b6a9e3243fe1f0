"""A server that runs inside its `with`, and is gone afterwards."""

from __future__ import annotations

from typing import Self


class Running:
    """Starts, prepares and closes a server."""

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
