"""What a long-lived process sets in its interpreter."""

from __future__ import annotations

import gc
import sys

# A thread that reads the database asks the loop for the interpreter's lock; 5 ms, the default,
# would be its wait at every row.
SWITCH_INTERVAL = 0.0001
COLLECT_AFTER = 20_000  # new objects


def tune_threads() -> None:
    """Let threads that read the database go on soon."""
    sys.setswitchinterval(SWITCH_INTERVAL)


def tune_collector() -> None:
    """Leave what was loaded at start out of every garbage collection, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)
