"""The folder of the descriptions, which every process reads at its start."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from minizaps.connectors.openapi.description import Description, description_of
from minizaps.errors import InvalidInput, Problem, SettingsInvalid


def file_of(folder: Path, name: str) -> Path:
    """Where the description of an API is kept."""
    return folder / f"{name}.json"


def save(folder: Path, api: Description) -> Path:
    """Keep a description; the file is whole at any moment."""
    folder.mkdir(parents=True, exist_ok=True)
    path = file_of(folder, api.name)
    written = path.with_suffix(".new")
    shown = api.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    written.write_bytes(orjson.dumps(shown, option=orjson.OPT_INDENT_2) + b"\n")
    os.replace(written, path)
    return path


def load(folder: Path) -> list[Description]:
    """All descriptions of the folder; none where there is no folder.

    Raises:
        SettingsInvalid: with each file that is not readable, and what is wrong with it.
    """
    found, problems = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(_read(path))
        except SettingsInvalid as error:
            problems += [Problem(f"{path}{p.pointer}", p.detail) for p in error.problems]
    if problems:
        raise SettingsInvalid(problems)
    return found


def _read(path: Path) -> Description:
    try:
        raw = orjson.loads(path.read_bytes())
    except OSError as error:
        raise SettingsInvalid(f"cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise SettingsInvalid(f"is not JSON: {error}") from None
    try:
        api = description_of(raw)
    except InvalidInput as error:
        raise SettingsInvalid(error.problems) from None
    if api.name != path.stem:
        raise SettingsInvalid([Problem("/name", f"the file of {api.name!r} is {api.name}.json")])
    return api
