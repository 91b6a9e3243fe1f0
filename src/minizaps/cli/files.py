"""JSON from files and from the command line, with errors that say where."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from minizaps.cli.client import Failed
from minizaps.definition.strict_json import parse_document
from minizaps.errors import JsonInvalid


def read_json(path: Path) -> Any:
    """The JSON of a file; `-` is standard input."""
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise Failed(f"cannot read {path}: {error.strerror}") from None
    return _parse(raw, str(path))


def parse_argument(text: str, name: str) -> Any:
    """The JSON of an argument, or of the file that `@FILE` names."""
    if text.startswith("@"):
        return read_json(Path(text[1:]))
    return _parse(text.encode(), name)


def _parse(raw: bytes, place: str) -> Any:
    try:
        return parse_document(raw)
    except JsonInvalid as error:
        details = "; ".join(str(p) if p.pointer else p.detail for p in error.problems)
        raise Failed(f"{place}: {details}") from None
