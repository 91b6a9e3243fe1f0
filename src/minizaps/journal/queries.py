"""The named statements of a SQL file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources

_IDS = frozenset({"id", "replay_of", "parent_id"})
_BEFORE_NAME = ("id", "project", "workflow_id")
_AFTER_NAME = (
    *("version", "status", "epoch", "trigger_id", "trigger_type", "replay_of", "created_at"),
    *("started_at", "finished_at", "due_at", "deadline", "error_type", "error_path"),
    *("dead_letter", "parent_id", "follow_up", "signals"),
)
_CREDENTIAL = (
    *("id", "project", "name", "type", "sealed", "token", "expires_at", "pending", "state"),
    *("problem", "revision", "created_at", "created_by", "updated_at"),
)


def _columns(shown: str) -> tuple[str, str]:
    """The fields of the record `Run`: with the workflow's name from its table, and without.

    Args:
        shown: how an id is shown as text.
    """

    def columns(prefix: str, names: Sequence[str]) -> list[str]:
        return [shown.format(prefix + c) if c in _IDS else prefix + c for c in names]

    joined = [*columns("r.", _BEFORE_NAME), "w.name", *columns("r.", _AFTER_NAME)]
    own = [*columns("", _BEFORE_NAME), "NULL", *columns("", _AFTER_NAME)]
    return ", ".join(joined), ", ".join(own)


def load_queries(database: str) -> dict[str, str]:
    """The statements of `sql/DATABASE.sql` by their names."""
    run_columns, own_columns = _columns("{}::text" if database == "postgres" else "{}")
    text = resources.files("minizaps.journal").joinpath(f"sql/{database}.sql").read_text()
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    bodies = (re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip() for body in parts[2::2])
    filled = (
        body.replace("{run_columns}", run_columns)
        .replace("{own_columns}", own_columns)
        .replace("{credential_columns}", ", ".join(_CREDENTIAL))
        for body in bodies
    )
    queries = dict(zip(parts[1::2], filled, strict=True))
    if len(queries) < len(parts[1::2]):
        raise ValueError(f"sql/{database}.sql has two statements of one name")
    shared = queries.get("claim_chosen", "")
    return {name: body.replace("{claim_chosen}", shared) for name, body in queries.items()}
