"""From an OpenAPI document to the description of its API."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from minizaps.connectors.openapi.description import Description, Operation, description_of
from minizaps.connectors.openapi.document import Document, wrong
from minizaps.connectors.openapi.operations import Left, Operations
from minizaps.connectors.openapi.schemas import Schemas
from minizaps.connectors.openapi.security import Security
from minizaps.connectors.openapi.server import server_of
from minizaps.definition.problems import suggest
from minizaps.definition.strict_json import join_pointer
from minizaps.errors import InvalidInput

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


@dataclass(frozen=True)
class Imported:
    """What was made of a document.

    Attributes:
        left_out: the operations that cannot be called, each with the reason.
    """

    api: Description
    left_out: list[str] = field(default_factory=list)


def import_document(
    raw: bytes,
    *,
    name: str | None = None,
    url: str | None = None,
    only: Collection[str] = (),
    source: str = "",
) -> Imported:
    """Describe the API of an OpenAPI document.

    Args:
        raw: JSON or YAML.
        name: the step type; made from the title if left out.
        url: the server's address, in place of those in the document.
        only: the operations to take, by their actions; all if empty.
        source: where the document comes from, to which an address in it may be relative.

    Raises:
        InvalidInput: with where and what is wrong.
    """
    document = Document(raw)
    info = document.objects(document.root, "info", "")
    title = str(info.get("title") or "API")
    schemas, security = Schemas(document), Security(document)
    reader = Operations(document, schemas, security)
    left_out: list[str] = []
    operations: list[Operation] = []
    wanted, known = set(only), set()
    for action, path, method, item, pointer in _entries(document):
        known.add(action)
        if only and action not in wanted:
            continue
        try:
            operations.append(reader.read(action, path, method, item, pointer))
        except Left as error:
            left_out.append(f"{action}: {error}")
    for action in wanted - known:
        raise InvalidInput(f"there is no operation {action!r}{suggest(action, known)}")
    if not operations:
        raise InvalidInput("no operation can be called" + "".join(f"; {x}" for x in left_out))
    if url:
        operations = [operation.model_copy(update={"url": None}) for operation in operations]
    used = {scheme for operation in operations for scheme in operation.security}
    made = {
        "name": name or step_type_of(title),
        "title": title,
        "url": url or _server(document, source),
        "schemes": {key: found for key, found in security.schemes.items() if key in used},
        "operations": operations,
        "schemas": schemas.found,
    }
    return Imported(description_of(made), left_out)


def step_type_of(title: str) -> str:
    """A step type from words such as an API's title."""
    word = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:63].strip("_")
    return word if word[:1].isalpha() else f"api_{word}".strip("_")


def _entries(document: Document) -> Iterator[tuple[str, str, str, dict[str, Any], str]]:
    """Each operation: its action, path, method, path item, and where that stands."""
    taken: dict[str, int] = {}
    for path, found in document.objects(document.root, "paths", "").items():
        if not path.startswith("/"):
            continue  # an extension
        item, pointer = document.follow(found, join_pointer("/paths", path))
        for method in METHODS:
            if method not in item:
                continue
            operation = document.objects(item, method, pointer)
            action = _action(operation.get("operationId"), method, path)
            taken[action] = taken.get(action, 0) + 1
            if taken[action] > 1:
                action = f"{action}_{taken[action]}"
            yield action, path, method, item, pointer


def _action(operation_id: Any, method: str, path: str) -> str:
    words = operation_id if isinstance(operation_id, str) and operation_id else f"{method}{path}"
    action = re.sub(r"[^A-Za-z0-9_]+", "_", words).strip("_")[:100]
    return action or method


def _server(document: Document, source: str) -> str:
    url = server_of(document.root.get("servers"), "/servers") or "/"
    whole = urljoin(source, url)
    if not re.match(r"https?://", whole):
        raise wrong("/servers", "the document does not say where the API is: give its address")
    return whole.rstrip("/")
