"""Ids for the steps and triggers that their author gave none."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import orjson

from minizaps.definition.steps import RESERVED
from minizaps.definition.tree import JsonObject, walk


def with_ids(raw: JsonObject) -> JsonObject:
    """A copy in which each step and trigger has an id."""
    definition: JsonObject = orjson.loads(orjson.dumps(raw))
    steps = [step for _, step in walk(definition)]
    triggers = definition.get("triggers")
    listed = [t for t in triggers if isinstance(t, dict)] if isinstance(triggers, list) else []
    for entries in (steps, listed):
        taken = {entry.get("id") for entry in entries if isinstance(entry.get("id"), str)}
        for entry in entries:
            if entry.get("id") is None:
                entry_id = _new_id(entry, taken | RESERVED)
                taken.add(entry_id)
                fields = {key: value for key, value in entry.items() if key != "id"}
                entry.clear()
                entry.update({"id": entry_id, **fields})
    return definition


def _new_id(entry: JsonObject, taken: set[Any] | frozenset[Any]) -> str:
    name = _slug(entry.get("name") or "")
    if name and name[0].isalpha() and name not in taken:
        return name
    kind = _slug(entry.get("type") or "step")
    stem = name if name and name[0].isalpha() else kind if kind[:1].isalpha() else "step"
    number = 1
    while f"{stem}_{number}" in taken:
        number += 1
    return f"{stem}_{number}"


def _slug(text: Any) -> str:
    plain = unicodedata.normalize("NFKD", str(text)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:50]
