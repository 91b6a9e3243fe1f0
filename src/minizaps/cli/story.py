"""A run as a story: what it was given, what each step did, how it ended."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from minizaps.cli.nesting import Shown, nested
from minizaps.cli.output import MARKS, STYLES, console, print_table, short, status_text, took, when

Run = dict[str, Any]
Step = dict[str, Any]


def print_story(run: Run, steps: list[Step]) -> None:
    """The whole run."""
    workflow = run["workflow"]
    console.print(
        Text.assemble(
            (workflow["name"] or workflow["id"], "bold"),
            f" (version {workflow['version']})  run {run['id']}  ",
            status_text(run["status"]),
        )
    )
    print_facts(run)
    console.print()
    rows = [row for shown in nested(steps) for row in _rows(shown)]
    print_table(["", "step", "type", "attempt", "took", ""], rows, empty="No step has started yet.")
    print_end(run, _failing_input(run, steps))
    print_callbacks(run, steps)


def _failing_input(run: Run, steps: list[Step]) -> Any:
    """The resolved config of the step that failed the run."""
    path = (run["error"] or {}).get("step")
    attempts = [a for step in steps if step["path"] == path for a in step["attempts"]]
    return attempts[-1]["input"] if attempts else None


def print_facts(run: Run) -> None:
    """Where the run came from, and when."""
    facts = [f"started by {run['trigger']['type']}", when(run["created_at"])]
    if run["finished_at"]:
        facts.append(f"took {took(run['created_at'], run['finished_at'])}")
    if run["parent"]:
        facts.append(f"called by step {run['parent']['step']} of run {run['parent']['run']}")
    if run["replay_of"]:
        facts.append(f"replay of {run['replay_of']}")
    if run["dead_letter"]:
        facts.append(f"dead letter: {run['dead_letter']}")
    console.print(Text("  ".join(facts), "dim"))
    if run["input"] is not None:
        console.print(Text("input   " + short(run["input"])))


def print_end(run: Run, given: Any = None) -> None:
    """How the run ended, or what it waits for; and what a person does next.

    Args:
        given: the resolved config of the step that failed, if one did.
    """
    console.print()
    if run["status"] == "succeeded":
        console.print(Text("output  " + short(run["output"])))
    elif run["status"] == "failed":
        error = run["error"]
        console.print(Text(f"error   {error['type']}: {error['message']}", "red"))
        if details := error.get("details"):
            console.print(Text("        " + short(details)))
        if given is not None:
            console.print(Text(f"given   {short(given)}  to step {error['step']}"))
        if run["dead_letter"] == "open":
            console.print(
                Text(f"next    minizaps runs replay {run['id']}   (or dead-letters discard)", "dim")
            )
    elif run["status"] == "waiting":
        until = f"until {when(run['wake_at'])}" if run["wake_at"] else "until it is told to go on"
        console.print(Text(f"waits   {until}", "cyan"))


def print_callbacks(run: Run, steps: list[Step]) -> None:
    """The URLs that a run waits for, and the command that does the same."""
    for step in steps:
        for name, url in (step["callback"] or {}).items():
            console.print(
                Text(f"answer  {step['path']}  {name.removesuffix('_url')}  {url}", "cyan")
            )
    asked = [step for step in steps if step["callback"]]
    if asked:
        how = "--body JSON" if "url" in asked[0]["callback"] else "--approve (or --reject)"
        which = f" --step '{asked[0]['path']}'" if len(asked) > 1 else ""
        console.print(Text(f"or      minizaps runs answer {run['id']}{which} {how}", "dim"))


def _rows(shown: Shown) -> list[list[Any]]:
    rows = _step_rows(shown.label, shown.step)
    if shown.hidden:
        rows.append(["", Text(f"  … {shown.hidden:,} more items", "dim"), "", "", "", ""])
    return rows


def _step_rows(label: str, step: Step) -> list[list[Any]]:
    if not step["attempts"]:
        note = "taken over from the replayed run" if step["taken_over"] else ""
        return [[_mark(step["status"]), label, step["type"], "", "", note or step["status"]]]
    rows = []
    for attempt in step["attempts"]:
        last = attempt is step["attempts"][-1]
        shown = step["status"] if last else attempt["status"]
        number = f"{attempt['number']} of {step['max_attempts']}"
        rows.append(
            [
                _mark(shown),
                label,
                step["type"],
                number if step["max_attempts"] > 1 else "",
                took(attempt["started_at"], attempt["finished_at"]),
                what_happened(step, attempt, last=last),
            ]
        )
    return rows


def what_happened(step: Step, attempt: dict[str, Any], *, last: bool) -> Text:
    """One attempt's outcome in a line."""
    if (error := attempt["error"]) is not None:
        text = f"{error['type']}: {error['message']}"
        if last and step["status"] == "retrying":
            text += f"; next try at {when(step['next_at'])}"
        return Text(text, STYLES["failed"])
    if attempt["status"] == "succeeded":
        return Text(short(attempt["output"], 100), "dim")
    if attempt["status"] == "waiting":
        return Text(_waits_for(step), STYLES["waiting"])
    return status_text(attempt["status"])


def _waits_for(step: Step) -> str:
    until = f"until {when(step['next_at'])}" if step["next_at"] else ""
    if step["run"]:
        return f"for run {step['run']} {until}".rstrip()
    if step["type"] != "wait":
        return until
    return f"for an answer {until}".rstrip()


def _mark(status: str) -> Text:
    return Text(MARKS.get(status, "?"), STYLES.get(status, ""))
