"""`python -m bench`: measure Mini-Zaps, print one table."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import uvloop

from bench import (
    alone,
    blocks,
    claims,
    first_step,
    growth,
    hooks,
    scale,
    schedules,
    waiting,
    webhook,
    workloads,
)
from bench.options import QUICK, Options
from bench.postgres import described
from bench.processes import Busy, disk_folder, machine
from bench.table import Row, render

Measure = Callable[[Path, Options], Awaitable[list[Row]]]
PEERS = ("n8n", "windmill", "temporal", "node-red", "kestra", "hatchet", "restate-server")
MEASURES: dict[str, Measure] = {
    "W1": partial(workloads.measure, "W1"),
    "W2": partial(workloads.measure, "W2"),
    "journal": alone.measure,
    "blocks": blocks.measure,
    "waiting": waiting.measure,
    "schedules": schedules.measure,
    "growth": growth.measure,
    "scale": scale.measure,
    "journal-postgres": alone.measure_postgres,
    "first-step": first_step.measure,
    "claims": claims.measure,
    "webhook": webhook.measure,
    "hooks": hooks.measure,
}


async def bench(chosen: list[str], options: Options) -> tuple[list[Row], list[str]]:
    """Measure what was chosen, one after the other; return also what went wrong."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    rows: list[Row] = []
    failures: list[str] = []
    for name in chosen:
        began = time.monotonic()
        folder = disk_folder()
        try:
            rows += await MEASURES[name](folder, options)
        except (OSError, RuntimeError) as error:
            failures.append(f"{name} failed: {error}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows, failures


def main() -> None:
    """Read the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="everything small: a smoke test")
    parser.add_argument("--only", help="some of " + ",".join(MEASURES))
    parser.add_argument("--seconds", type=float, help="of full load, a repetition")
    parser.add_argument("--repeat", type=int, help="repetitions")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",") if arguments.only else list(MEASURES)
    if unknown := set(chosen) - set(MEASURES):
        parser.error(f"no workload {', '.join(sorted(unknown))}")
    given = {k: v for k in ("seconds", "repeat") if (v := getattr(arguments, k)) is not None}
    options = replace(QUICK if arguments.quick else Options(), **given)
    busy = Busy()
    try:
        rows, failures = uvloop.run(bench(chosen, options))
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit("stopped")
    print(f"\n{machine()}; median and spread of {options.repeat}, taken in turns")
    print(described())
    print(f"others kept {busy.others():.1f} cores busy meanwhile\n")
    print(render(rows))
    print(f"\n{peers()}")
    if failures:
        sys.exit("\n".join(failures))


def peers() -> str:
    """Which others could be measured here."""
    found = [name for name in PEERS if shutil.which(name)]
    if found:
        return f"Peers installed here, not measured: {', '.join(found)}."
    return f"Peers: none is installed ({', '.join(PEERS)}), none was measured."


if __name__ == "__main__":
    main()
