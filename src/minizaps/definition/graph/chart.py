"""A Mermaid flowchart while it is put together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from minizaps.definition.graph.words import one_line, shortened

LONGEST_LINE = 60
LONGEST_EDGE = 40
_LINE_BREAK = "<br/>"
# Anything that Mermaid, Markdown or HTML could give a meaning to, in a quoted label.
_UNSAFE = re.compile(r"[^\w ,=/·….\-]|(?<![^\W_])[_.\-]|[_.\-](?![^\W_])|(?<=www)\.", re.IGNORECASE)
# Between these, Mermaid sees a sign of its own even where they are entities: formulas, line
# breaks, icons and its marks for entities. A space of no width keeps them apart.
_SIGNS = re.compile(r"(?<=\$)(?=\$)|(?<=\\)(?=n)|(?<=:)(?=fa-)|(?<=ﬂ)(?=°)|(?<=¶)(?=ß)")
_NO_WIDTH = "\N{ZERO WIDTH SPACE}"


class Shape(Enum):
    """What stands around the label of a node."""

    BOX = '["{}"]'
    STADIUM = '(["{}"])'
    DIAMOND = '{{"{}"}}'
    HEXAGON = '{{{{"{}"}}}}'
    SUBROUTINE = '[["{}"]]'
    SLANTED = '[/"{}"/]'
    CIRCLE = '(("{}"))'


class Exit(NamedTuple):
    """An edge that has no target yet."""

    source: str
    label: str = ""
    dotted: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing, so that other edges may leave from its source instead."""
        return not self.label and not self.dotted


def quoted(text: str, longest: int) -> str:
    """The text for between the quotes of a label: shortened, with entities for what is unsafe."""
    apart = _SIGNS.sub(_NO_WIDTH, shortened(one_line(text), longest))
    return _UNSAFE.sub(lambda unsafe: f"#{ord(unsafe[0])};", apart)


@dataclass
class Chart:
    """Nodes in their frames, and the edges between them."""

    _nodes: list[str] = field(default_factory=list)
    _edges: list[str] = field(default_factory=list)
    _depth: int = 1

    def node(self, node_id: str, shape: Shape, lines: Iterable[str]) -> None:
        """Put a node into the frame that is open."""
        label = _LINE_BREAK.join(quoted(line, LONGEST_LINE) for line in lines)
        self._put(node_id + shape.value.format(label))

    def edges(self, exits: Iterable[Exit], target: str) -> None:
        """Lead edges to their target."""
        for source, label, dotted in exits:
            arrow = "-.->" if dotted else "-->"
            text = f'|"{quoted(label, LONGEST_EDGE)}"|' if label else ""
            self._edges.append(f"  {source} {arrow}{text} {target}")

    @contextmanager
    def frame(self, frame_id: str, title: str) -> Iterator[None]:
        """What is put down meanwhile stands in a frame with this title."""
        self._put(f'subgraph {frame_id}["{quoted(title, LONGEST_LINE)}"]')
        self._depth += 1
        yield
        self._depth -= 1
        self._put("end")

    def text(self) -> str:
        """The chart as Mermaid."""
        return "\n".join(["flowchart TD", *self._nodes, *self._edges, ""])

    def _put(self, line: str) -> None:
        self._nodes.append("  " * self._depth + line)
