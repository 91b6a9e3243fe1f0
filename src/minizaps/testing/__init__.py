"""For developers of connectors: the standard suite, and what an attempt is given, for real."""

from minizaps.testing import declaration
from minizaps.testing.context import LOOPBACK, open_context
from minizaps.testing.partners import Answer, Call, Partner
from minizaps.testing.suite import ConnectorSuite

__all__ = ["LOOPBACK", "Answer", "Call", "ConnectorSuite", "Partner", "declaration", "open_context"]
