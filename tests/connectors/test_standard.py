"""Every entry of CONNECTOR_MAP is held to the standard suite.

What can be said of a connector without executing it is checked here for all entries. How it is
executed is declared in the modules beside this one, in a class for each.
"""

from __future__ import annotations

from typing import Any

import pytest

from minizaps import WorkflowEngine
from minizaps.testing import ConnectorSuite, declaration

from . import test_standard_http, test_standard_local, test_standard_servers

CONNECTORS = WorkflowEngine.CONNECTOR_MAP
MODULES = (test_standard_local, test_standard_http, test_standard_servers)


def declared() -> set[Any]:
    """The entries that a test class of these modules declares."""
    found = (kind for module in MODULES for kind in vars(module).values() if isinstance(kind, type))
    return {s.entry for s in found if issubclass(s, ConnectorSuite) if "entry" in vars(s)}


@pytest.mark.parametrize("kind", CONNECTORS)
def test_each_has_a_declaration(kind: str) -> None:
    assert CONNECTORS[kind] in declared(), (
        f"declare in a test_standard module how {kind!r} is executed: a subclass of ConnectorSuite"
    )


@pytest.mark.parametrize("kind", CONNECTORS)
def test_each_is_described_strict_and_consistent(kind: str) -> None:
    connector, model = CONNECTORS[kind]
    assert not declaration.schema_problems(model)
    assert not declaration.documentation_problems(connector, model)
    assert not declaration.facts_problems(connector)
