"""The public door for developers of connectors."""

from __future__ import annotations

import minizaps


def test_the_door_opens_on_exactly_this() -> None:
    assert sorted(minizaps.__all__) == [
        "BaseConnector",
        "ConnectorConfig",
        "ConnectorError",
        "Context",
        "Credential",
        "Pause",
        "RetryPolicy",
        "StepType",
        "WorkflowEngine",
    ]
    for name in minizaps.__all__:
        assert getattr(minizaps, name).__doc__, name


def test_every_built_in_type_has_its_connector() -> None:
    assert set(minizaps.StepType) <= set(minizaps.WorkflowEngine.CONNECTOR_MAP)
    for connector, model in minizaps.WorkflowEngine.CONNECTOR_MAP.values():
        assert issubclass(connector, minizaps.BaseConnector)
        assert issubclass(model, minizaps.ConnectorConfig)
        assert connector.description()
