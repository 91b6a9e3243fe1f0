"""Mini-Zaps: durable workflow automation. This is the door for developers of connectors."""

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Pause
from minizaps.engine.engine import StepType, WorkflowEngine
from minizaps.errors import ConnectorError

__all__ = [
    "BaseConnector",
    "ConnectorConfig",
    "ConnectorError",
    "Pause",
    "StepType",
    "WorkflowEngine",
]
