"""Named places where the crash tests kill the process, as `kill -9` would.

`MINIZAPS_FAILPOINT=commit.before:3` kills at the third passage of `commit.before`.
"""

from __future__ import annotations

import os
import signal

_name, _, _count = os.environ.get("MINIZAPS_FAILPOINT", "").partition(":")
_left = int(_count or 1)


def failpoint(name: str) -> None:
    """Die here, if this failpoint is armed and its count is used up."""
    global _left
    if name == _name:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
