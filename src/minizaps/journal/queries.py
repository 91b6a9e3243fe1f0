"""The named statements of a SQL file."""

from __future__ import annotations

import re
from importlib import resources

_BEFORE_NAME = ("id", "project", "workflow_id")
_AFTER_NAME = (
    *("version", "status", "epoch", "trigger_id", "trigger_type", "replay_of", "created_at"),
    *("started_at", "finished_at", "due_at", "deadline", "error_type", "error_path"),
    "dead_letter",
)

# The fields of the record `Run`; the workflow's name stands in its own table.
RUN_COLUMNS = ", ".join(
    [*(f"r.{c}" for c in _BEFORE_NAME), "w.name", *(f"r.{c}" for c in _AFTER_NAME)]
)
OWN_COLUMNS = ", ".join([*_BEFORE_NAME, "NULL", *_AFTER_NAME])


def load_queries(database: str) -> dict[str, str]:
    """The statements of `sql/DATABASE.sql` by their names."""
    text = resources.files("minizaps.journal").joinpath(f"sql/{database}.sql").read_text()
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    bodies = (re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip() for body in parts[2::2])
    filled = (
        body.replace("{run_columns}", RUN_COLUMNS).replace("{own_columns}", OWN_COLUMNS)
        for body in bodies
    )
    return dict(zip(parts[1::2], filled, strict=True))
