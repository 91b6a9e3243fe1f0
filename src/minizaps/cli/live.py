"""Following a run: a line for each thing that happens, as it happens."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.text import Text

from minizaps.cli.client import Client, Failed
from minizaps.cli.output import MARKS, STYLES, console, took
from minizaps.cli.story import what_happened

ENDED = ("succeeded", "failed", "cancelled")
PAUSE = 0.1


async def follow(
    client: Client, run_id: str, *, quiet: bool = False, answerable: bool = True
) -> dict[str, Any]:
    """Print what a run does until it ends; return the ended run.

    Args:
        quiet: print nothing.
        answerable: whether somebody can answer a step that waits for it; if not, the run is given
            up where it would wait for ever.
    """
    said: set[tuple[str, int, str]] = set()
    while True:
        run: dict[str, Any] = await client.get(f"/runs/{run_id}")
        stuck = not answerable and run["status"] == "waiting" and run["wake_at"] is None
        if not quiet or stuck:
            steps = (await client.get(f"/runs/{run_id}/steps"))["items"]
            if not quiet:
                _say_new(steps, said)
            if stuck and (asking := [step["path"] for step in steps if step["callback"]]):
                raise Failed(
                    f"{', '.join(asking)} waits for an answer, which cannot come here: save the "
                    "workflow on a server (minizaps serve), or test it (minizaps test)"
                )
        if run["status"] in ENDED:
            return run
        await asyncio.sleep(PAUSE)


def _say_new(steps: list[dict[str, Any]], said: set[tuple[str, int, str]]) -> None:
    width = max((len(step["path"]) for step in steps), default=0)
    for step in steps:
        nothing = {"number": 0, "status": step["status"], "error": None, "started_at": None,
                   "finished_at": None}  # fmt: skip
        for attempt in step["attempts"] or [nothing]:
            status = attempt["status"]
            fact = (step["path"], attempt["number"], status)
            if status == "running" or fact in said:
                continue
            said.add(fact)
            last = not step["attempts"] or attempt is step["attempts"][-1]
            spent = took(attempt["started_at"], attempt["finished_at"])
            console.print(
                Text.assemble(
                    (f"  {MARKS.get(status, '?')} ", STYLES.get(status, "")),
                    f"{step['path']:<{width}}  {step['type']:<10} {spent:>8}  ",
                    what_happened(step, attempt, last=last),
                ),
                no_wrap=True,
                overflow="ellipsis",
            )
