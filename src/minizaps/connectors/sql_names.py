"""Named parameters in a query for a database that has only numbered ones."""

from __future__ import annotations

import re
from typing import Any

from minizaps.connectors.sql_query import refused

# What is not looked into comes first: texts, names, comments, casts (PostgreSQL manual, 4.1).
_TOKEN = re.compile(
    r"""
      \b[eE]'(?:[^'\\]|\\.|'')*'
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
    | --[^\n]*
    | /\*.*?\*/
    | ::
    | (?<!\w):(?P<name>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)


def numbered(query: str, parameters: dict[str, Any]) -> tuple[str, list[Any]]:
    """The query with `$1` and so on in place of `:name`, and the values in their order.

    Raises:
        ConnectorError: a name has no value, or a value no place.
    """
    order: list[str] = []

    def place(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return match[0]
        if name not in parameters:
            raise refused(f"the query has :{name}, and the parameters do not")
        if name not in order:
            order.append(name)
        return f"${order.index(name) + 1}"

    text = _TOKEN.sub(place, query)
    if unused := sorted(parameters.keys() - set(order)):
        raise refused(f"the parameters have {unused[0]!r}, and the query does not")
    return text, [parameters[name] for name in order]
