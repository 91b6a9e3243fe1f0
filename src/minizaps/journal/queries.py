"""The named statements of a SQL file."""

from __future__ import annotations

import re
from importlib import resources

RUN_COLUMNS = (
    "r.id, r.project, r.workflow_id, w.name, r.version, r.status, r.epoch, r.trigger_id, "
    "r.trigger_type, r.replay_of, r.created_at, r.started_at, r.finished_at, r.due_at, "
    "r.deadline, r.error_type, r.error_path, r.dead_letter"
)


def load_queries(database: str) -> dict[str, str]:
    """The statements of `sql/DATABASE.sql` by their names."""
    text = resources.files("minizaps.journal").joinpath(f"sql/{database}.sql").read_text()
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    bodies = (re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip() for body in parts[2::2])
    filled = (body.replace("{run_columns}", RUN_COLUMNS) for body in bodies)
    return dict(zip(parts[1::2], filled, strict=True))
