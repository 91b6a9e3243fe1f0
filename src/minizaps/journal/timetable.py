"""The rows of a workflow's triggers as it is saved, activated, stopped: what is due, and when.

A trigger that an edit leaves as it is keeps its row as it is, so that what is due at that moment is
not lost. Any other change gives it a new epoch, and so takes it from a process that looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from minizaps.definition.due import first_due, same_source
from minizaps.ids import token
from minizaps.journal.transaction import Transaction


class Known(NamedTuple):
    """What a trigger's row says."""

    id: str
    type: str
    config: str | None
    present: int
    due_at: int | None
    served_at: int | None


async def save(
    tx: Transaction,
    workflow_id: str,
    triggers: Sequence[dict[str, Any]],
    now: int,
    *,
    active: bool,
) -> None:
    """Make a workflow's rows those of a new version."""
    known = {row.id: row for row in await _known(tx, workflow_id)}
    await tx.execute("absent_triggers", workflow_id, [trigger["id"] for trigger in triggers])
    for trigger in triggers:
        trigger_id, kind, config = trigger["id"], trigger["type"], trigger.get("config", {})
        text = orjson.dumps(config, option=orjson.OPT_SORT_KEYS).decode()
        row = known.get(trigger_id)
        if row is not None and (row.type, row.config, row.present) == (kind, text, 1):
            continue
        hook_token = token() if kind == "webhook" else None
        due_at = first_due(kind, config, now, row and row.served_at) if active else None
        same = row is not None and row.type == kind and same_source(_config(row), config)
        if not same:
            await tx.execute("forget_items", workflow_id, trigger_id)
        values = (trigger_id, kind, hook_token, text, due_at, int(same))
        await tx.execute("upsert_trigger", workflow_id, *values)


async def resume(tx: Transaction, workflow_id: str, now: int) -> None:
    """Make what is not due yet due, from now on."""
    for row in await _known(tx, workflow_id):
        if row.present and row.due_at is None:
            due_at = first_due(row.type, _config(row), now, row.served_at)
            await tx.execute("set_due", workflow_id, row.id, due_at)


async def stop(tx: Transaction, workflow_id: str) -> None:
    """Nothing of a workflow is due any more."""
    await tx.execute("stop_triggers", workflow_id)


async def _known(tx: Transaction, workflow_id: str) -> list[Known]:
    return [Known(*row) for row in await tx.rows("known_triggers", workflow_id)]


def _config(row: Known) -> dict[str, Any]:
    config: dict[str, Any] = orjson.loads(row.config or "{}")
    return config
