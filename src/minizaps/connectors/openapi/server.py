"""Where an API is."""

from __future__ import annotations

from typing import Any

from minizaps.connectors.openapi.document import wrong


def server_of(servers: Any, pointer: str) -> str | None:
    """The first address of a list of servers, with the defaults of its variables."""
    if not isinstance(servers, list) or not servers:
        return None
    first = servers[0]
    if not isinstance(first, dict) or not isinstance(first.get("url"), str):
        raise wrong(f"{pointer}/0", "has no url")
    url: str = first["url"]
    variables = first.get("variables")
    for name, variable in variables.items() if isinstance(variables, dict) else ():
        default = variable.get("default", "") if isinstance(variable, dict) else ""
        url = url.replace(f"{{{name}}}", str(default))
    return url
