"""Folders, ports and users for test servers."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

MEMORY = Path("/dev/shm")
ENOUGH = 2**30
PORTS = range(20000, 32000)  # below those that the kernel gives to clients


def new_folder(server: str, inside: Path | None = None) -> Path:
    """A folder for a server's data: in memory where there is room.

    Servers flush there as they do on a disk, but it takes no time; and what only kills of
    processes can break is as safe there.
    """
    return Path(tempfile.mkdtemp(prefix=f"minizaps-{server}-", dir=inside or memory()))


def memory() -> Path | None:
    """The file system in memory, if it is large enough and lets programs run."""
    if not os.access(MEMORY, os.W_OK) or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return MEMORY if shutil.disk_usage(MEMORY).free > ENOUGH else None


def free_port() -> int:
    """A port on loopback that nobody listens on, and that no client will be given."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def server_user() -> dict[str, Any]:
    """The arguments of a subprocess that may not be root; none if we are not root ourselves."""
    if os.geteuid() != 0:
        return {}
    users = {user.pw_name: user for user in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
