"""The tables that hold an installation, and the migrations that made them."""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple


class Table(NamedTuple):
    """A table with what makes up the installation.

    Attributes:
        columns: all of them, but for those by which a database keeps the order of its rows.
        order: the columns that its rows are sorted by; none where the order is that in which the
            rows were made.
    """

    name: str
    columns: tuple[str, ...]
    order: tuple[str, ...] = ("id",)


# Each after those that it refers to. What is not here belongs to the database, not to the
# installation: migrations, the probe, and the workers that are alive.
TABLES = (
    Table("projects", ("id", "name", "created_at")),
    Table("keys", ("id", "project", "name", "role", "prefix", "hash", "created_at", "created_by")),
    Table(
        "workflows",
        ("id", "project", "name", "version", "active", "created_at", "updated_at", "deleted_at"),
    ),
    Table(
        "versions",
        ("workflow_id", "version", "definition", "created_at", "created_by"),
        ("workflow_id", "version"),
    ),
    Table(
        "credentials",
        (
            *("id", "project", "name", "type", "sealed", "token", "expires_at", "pending"),
            *("state", "problem", "revision", "lease", "leased_until"),
            *("created_at", "created_by", "updated_at"),
        ),
    ),
    Table(
        "triggers",
        (
            *("workflow_id", "id", "type", "token", "present", "config", "due_at", "epoch"),
            *("served_at", "fired_at", "cursor", "error", "failures"),
        ),
        (),
    ),
    Table(
        "seen_items",
        ("workflow_id", "trigger_id", "item", "seen_at"),
        ("workflow_id", "trigger_id", "item"),
    ),
    Table(
        "runs",
        (
            *("id", "project", "workflow_id", "version", "status", "epoch", "worker"),
            *("trigger_id", "trigger_type", "replay_of", "created_at", "started_at"),
            *("finished_at", "due_at", "deadline", "error_type", "error_path", "dead_letter"),
            *("priority", "parent_id", "awaited", "signals", "follow_up", "gate", "limits"),
        ),
    ),
    Table("signals", ("run_id", "name", "number", "at", "data"), ("run_id", "name")),
    Table("callbacks", ("token", "run_id", "path", "answer", "message", "secret"), ("token",)),
    Table("turns", ("key", "run_id", "taken", "priority", "place"), ("key", "run_id")),
    Table("rates", ("key", "starts", "expires_at"), ("key",)),
    Table("events", ("run_id", "seq", "at", "kind", "path", "attempt", "data"), ("run_id", "seq")),
    Table("idempotency", ("scope", "key", "body_hash", "run_id", "created_at"), ("scope", "key")),
    Table("audit", ("id", "at", "project", "actor", "action", "target", "detail")),
)


def known_migrations(database: str) -> list[str]:
    """The names of this program's migrations for `sqlite` or `postgres`, in their order."""
    folder = resources.files("minizaps.journal").joinpath(f"migrations/{database}")
    return sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))


def any_row(table: Table) -> str:
    """A statement that says whether a table has a row, but for the default project."""
    condition = " WHERE id <> 'default'" if table.name == "projects" else ""
    return f"SELECT EXISTS (SELECT 1 FROM {table.name}{condition})"  # noqa: S608 - constants
