"""A credential's fields, as people give them on the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import typer

from minizaps.cli.client import Failed
from minizaps.definition.strict_json import parse_document

Fields = dict[str, Any]


def read_fields(
    schema: dict[str, Any],
    fields: list[str] | None,
    secrets: list[str] | None,
    from_files: list[str] | None,
    data: Path | None,
    *,
    complete: bool,
) -> Fields:
    """The fields that are given.

    Args:
        schema: of the credential's type; empty where the type is not known.
        complete: whether to ask for what is required and not given.

    Raises:
        Failed: something is not as it should be, such as a secret on the command line.
    """
    given: Fields = {} if data is None else _document(data)
    for name, text in _pairs("--set", fields):
        if is_secret(schema, name) and not text.startswith(("env:", "file:")):
            raise Failed(f"{name} is a secret, which others see on a command line: --secret {name}")
        given[name] = _value(text)
    for name, path in _pairs("--from-file", from_files):
        given[name] = _text_of(Path(path))
    for name in secrets or ():
        given[name] = _ask(name, hidden=True)
    if complete and sys.stdin.isatty():
        for name in schema.get("required", ()):
            if name not in given:
                given[name] = _ask(name, hidden=is_secret(schema, name))
    return given


def is_secret(schema: dict[str, Any], name: str) -> bool:
    """Whether a field of a type holds a secret."""
    field = schema.get("properties", {}).get(name, {})
    return b'"writeOnly":true' in orjson.dumps(field)


def _pairs(option: str, given: Iterable[str] | None) -> list[tuple[str, str]]:
    pairs = []
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Failed(f"{option} {text}: write it as FIELD=VALUE")
        pairs.append((name, value))
    return pairs


def _value(text: str) -> Any:
    """A list or an object as JSON; any other text as it is."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Failed(f"{text}: not JSON: {error}") from None


def _ask(name: str, *, hidden: bool) -> str:
    if sys.stdin.isatty():
        answer: str = typer.prompt(name, hide_input=hidden, err=True)
        return answer
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Failed(f"{name}: standard input has no line for it")
    return line


def _document(path: Path) -> Fields:
    raw = sys.stdin.buffer.read() if str(path) == "-" else _text_of(path).encode()
    found = parse_document(raw)
    if not isinstance(found, dict):
        raise Failed(f"{path}: the fields are a JSON object")
    return found


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise Failed(f"{path}: {reason}") from None
