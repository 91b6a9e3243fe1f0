"""Every entry of CONNECTOR_MAP is held to the standard suite.

What can be said of a connector without executing it is checked for all entries. How it is executed
is declared below, in a class for each.
"""

from __future__ import annotations

from typing import Any

import pytest

from minizaps import Credential, WorkflowEngine
from minizaps.credentials.types import HttpBasic
from minizaps.testing import Answer, Call, ConnectorSuite, Partner, declaration

CONNECTORS = WorkflowEngine.CONNECTOR_MAP


class TestDelay(ConnectorSuite):
    entry = CONNECTORS["delay"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"seconds": 300}


class TestSet(ConnectorSuite):
    entry = CONNECTORS["set"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"values": {"name": "Ada", "rows": [{"a": 1.5}, None]}}


class TestWebhook(ConnectorSuite):
    entry = CONNECTORS["webhook"]

    def config(self, partner: Partner) -> dict[str, Any]:
        return {"url": f"{partner.url}/orders", "json": {"sku": "tea"}}

    def credential(self, partner: Partner) -> Credential:
        return HttpBasic.model_validate({"username": "ada", "password": "canary-7bb1/+ü"})

    def respond(self, call: Call) -> Answer:
        return Answer({"sku": call.json()["sku"]}, status=201)


def suites() -> dict[Any, str]:
    """The entries that a class of this module declares."""
    found = (kind for kind in globals().values() if isinstance(kind, type))
    return {
        s.entry: s.__name__ for s in found if issubclass(s, ConnectorSuite) if "entry" in vars(s)
    }


@pytest.mark.parametrize("kind", CONNECTORS)
def test_each_has_a_declaration(kind: str) -> None:
    assert CONNECTORS[kind] in suites(), (
        f"declare in {__name__} how {kind!r} is executed: a subclass of ConnectorSuite"
    )


@pytest.mark.parametrize("kind", CONNECTORS)
def test_each_is_described_strict_and_consistent(kind: str) -> None:
    connector, model = CONNECTORS[kind]
    assert not declaration.schema_problems(model)
    assert not declaration.documentation_problems(connector, model)
    assert not declaration.facts_problems(connector)
