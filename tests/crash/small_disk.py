"""A small file system for a database server, which can be filled."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "400m"
BLOCK = bytes(2**20)


class NotMounted(Exception):
    """This user may not mount a file system."""


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system in memory, there until the end of the `with`.

    Raises:
        NotMounted: only root may.
    """
    place = Path(tempfile.mkdtemp(prefix="minizaps-disk-"))
    place.chmod(0o755)  # the server is another user
    options = ("-t", "tmpfs", "-o", f"size={SIZE},mode=1777")
    done = subprocess.run(["mount", *options, "small", place], capture_output=True, check=False)
    if done.returncode:
        place.rmdir()
        raise NotMounted(f"only root can mount a small disk: {done.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)
        place.rmdir()


def fill(disk: Path) -> Path:
    """Leave no byte free; the answer is the file to delete to have room again."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = len(BLOCK)
        while size:
            try:
                file.write(BLOCK[:size])
            except OSError:
                size //= 2
    return ballast
