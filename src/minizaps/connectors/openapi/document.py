"""An OpenAPI document: read, checked, and looked up by its references."""

from __future__ import annotations

import re
from typing import Any

import orjson
import yaml

from minizaps.definition.strict_json import join_pointer
from minizaps.errors import InvalidInput, Problem

LARGEST = 1_000_000  # values of a document, YAML's aliases written out
DEEPEST = 100  # levels of nesting
_VERSION = re.compile(r"3\.[01]\.\d+(-.*)?")
_HOPS = 32


def wrong(pointer: str, detail: str) -> InvalidInput:
    """The error for one place of a document."""
    return InvalidInput([Problem(pointer, detail)])


class Document:
    """An OpenAPI document of version 3.0 or 3.1.

    Args:
        raw: its text, JSON or YAML.

    Raises:
        InvalidInput: it is none.
    """

    def __init__(self, raw: bytes) -> None:
        root = _parse(raw)
        if not isinstance(root, dict):
            raise wrong("", "an OpenAPI document is an object")
        if _nesting(root) > DEEPEST:
            raise wrong("", f"it is nested more than {DEEPEST} levels deep")
        version = root.get("openapi")
        if "swagger" in root:
            detail = "OpenAPI 2.0 (Swagger) is not read: convert it to 3.0"
            raise wrong("/swagger", detail)
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise wrong("/openapi", f"{version!r}: versions 3.0 and 3.1 are read")
        self.root: dict[str, Any] = root
        self.old = version.startswith("3.0")

    def follow(self, node: Any, pointer: str) -> tuple[dict[str, Any], str]:
        """An object, or the one that its `$ref` leads to, and where it stands.

        Raises:
            InvalidInput: the reference leads out of the document, to nothing, or in a circle.
        """
        for _ in range(_HOPS):
            if not isinstance(node, dict):
                raise wrong(pointer, "is no object")
            if not isinstance(reference := node.get("$ref"), str):
                return node, pointer
            node, pointer = self.look_up(reference, f"{pointer}/$ref"), reference[1:]
        raise wrong(pointer, "the reference leads in a circle")

    def look_up(self, reference: str, pointer: str) -> Any:
        """What stands at a reference.

        Args:
            pointer: where the reference itself stands.

        Raises:
            InvalidInput: it leads out of the document, or to nothing.
        """
        if not reference.startswith("#/"):
            detail = f"{reference} leads out of the document: put everything into one file first"
            raise wrong(pointer, detail)
        found: Any = self.root
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                raise wrong(pointer, f"there is nothing at {reference}")
        return found

    def objects(self, node: dict[str, Any], key: str, pointer: str) -> dict[str, Any]:
        """The object under a key, empty where there is none.

        Raises:
            InvalidInput: there is something else.
        """
        found = node.get(key, {})
        if not isinstance(found, dict):
            raise wrong(join_pointer(pointer, key), "is no object")
        return found


def _parse(raw: bytes) -> Any:
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        try:
            return orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError as error:
            raise wrong("", f"is not JSON: {error}") from None
    try:
        found = yaml.load(raw, Loader=yaml.CSafeLoader)
        if _size(found) > LARGEST:
            raise wrong("", f"it has more than {LARGEST:,} values")
        # Keys such as 200 and values such as dates become text, and aliases parts of their own.
        return orjson.loads(orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise wrong("", f"is not YAML: {error}") from None
    except (TypeError, RecursionError) as error:
        raise wrong("", f"the YAML is no JSON: {error}") from None


def _size(value: Any) -> int:
    """How many values there are with all aliases written out, counted without doing so.

    Raises:
        RecursionError: a part contains itself.
    """
    known: dict[int, int] = {}

    def count(part: Any) -> int:
        if not isinstance(part, (dict, list)):
            return 1
        if id(part) not in known:
            inner = part.values() if isinstance(part, dict) else part
            known[id(part)] = 1 + sum(map(count, inner))
        return known[id(part)]

    return count(value)


def _nesting(value: Any) -> int:
    depth, level = 0, [value]
    while containers := [each for each in level if isinstance(each, (dict, list))]:
        depth += 1
        level = [v for c in containers for v in (c.values() if isinstance(c, dict) else c)]
    return depth
