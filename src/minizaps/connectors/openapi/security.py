"""The security schemes of an OpenAPI document."""

from __future__ import annotations

from typing import Any

from minizaps.connectors.openapi.description import Scheme
from minizaps.connectors.openapi.document import Document, wrong
from minizaps.definition.strict_json import join_pointer

_HTTP = {"basic": "basic", "bearer": "bearer"}


class Security:
    """What requests of a document's operations have to show.

    Attributes:
        schemes: those that a credential can serve.
    """

    def __init__(self, document: Document) -> None:
        self._root = document.root
        components = document.objects(document.root, "components", "")
        self.schemes: dict[str, Scheme] = {}
        pointer = "/components/securitySchemes"
        found = document.objects(components, "securitySchemes", "/components")
        self._known = set(found)
        for name, part in found.items():
            scheme, _ = document.follow(part, join_pointer(pointer, name))
            if (served := _scheme(scheme)) is not None:
                self.schemes[name] = served

    def of(self, operation: dict[str, Any], pointer: str) -> tuple[list[str], bool]:
        """The schemes of which one is enough, and whether none is needed.

        Raises:
            InvalidInput: the document has no such scheme.
            LookupError: a scheme, or several at a time, that no credential serves.
        """
        needs = operation.get("security", self._root.get("security"))
        if not isinstance(needs, list) or not needs:
            return [], True
        alternatives = [need for need in needs if isinstance(need, dict)]
        for name in (name for need in alternatives for name in need):
            if name not in self._known:
                raise wrong(f"{pointer}/security", f"there is no security scheme {name!r}")
        usable = [
            next(iter(n)) for n in alternatives if len(n) == 1 and n.keys() <= self.schemes.keys()
        ]
        anonymous = {} in alternatives
        if not usable and not anonymous:
            names = " or ".join(" and ".join(need) for need in alternatives)
            raise LookupError(f"no credential serves the security scheme {names}")
        return list(dict.fromkeys(usable)), anonymous


def _scheme(scheme: dict[str, Any]) -> Scheme | None:
    match scheme:
        case {"type": "http", "scheme": str(kind)} if kind.lower() in _HTTP:
            return Scheme.model_validate({"kind": _HTTP[kind.lower()]})
        case {"type": "apiKey", "in": "header" | "query" | "cookie" as place, "name": str(name)}:
            return Scheme.model_validate({"kind": place, "name": name})
        case {"type": "oauth2" | "openIdConnect"}:
            return Scheme(kind="oauth2")
    return None
