"""Mini-Zaps: durable workflow automation. This is the door for developers of connectors."""

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context, Pause
from minizaps.credentials.credential import Credential
from minizaps.definition.steps import RetryPolicy
from minizaps.engine.engine import StepType, WorkflowEngine
from minizaps.errors import ConnectorError

__all__ = [
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
