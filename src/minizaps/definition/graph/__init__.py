"""Pictures of a workflow: an outline for the terminal, and Mermaid for documents."""

from minizaps.definition.graph.mermaid import mermaid
from minizaps.definition.graph.outline import Outline, Row, outline

__all__ = ["Outline", "Row", "mermaid", "outline"]
