"""Reads a flowchart strictly: a line that is none of those that a chart has is an error."""

from __future__ import annotations

import re
from typing import NamedTuple

_LABEL = r'"(?P<label>(?:[^"\[\](){}<>|`#;&*\\$%@:~]|#\d+;|<br/>)+)"'
_SHAPES = r"\[{0}\]|\(\[{0}\]\)|\{{{0}\}}|\{{\{{{0}\}}\}}|\[\[{0}\]\]|\[/{0}/\]|\(\({0}\)\)"
_ANY_LABEL = _LABEL.replace("?P<label>", "?:")
_NODE = re.compile(rf"(?P<id>\w+)(?:{_SHAPES.format(_ANY_LABEL)})")
_EDGE = re.compile(rf"(?P<source>\w+) (?P<arrow>-->|-\.->)(?:\|{_LABEL}\|)? (?P<target>\w+)")
_FRAME = re.compile(rf"subgraph (?P<id>\w+)\[{_LABEL}\]")


class Edge(NamedTuple):
    source: str
    arrow: str
    target: str
    label: str


class Flowchart(NamedTuple):
    nodes: list[str]
    frames: list[str]
    edges: list[Edge]


def read(text: str) -> Flowchart:
    """The nodes, frames and edges of a chart.

    Raises:
        ValueError: a line cannot be read, or a frame is not closed.
    """
    chart = Flowchart([], [], [])
    head, *lines = text.splitlines()
    if head != "flowchart TD":
        raise ValueError(f"not a flowchart: {head!r}")
    open_frames = 0
    for line in map(str.strip, lines):
        if match := _NODE.fullmatch(line):
            chart.nodes.append(match["id"])
        elif match := _EDGE.fullmatch(line):
            chart.edges.append(
                Edge(match["source"], match["arrow"], match["target"], match["label"] or "")
            )
        elif match := _FRAME.fullmatch(line):
            chart.frames.append(match["id"])
            open_frames += 1
        elif line == "end" and open_frames:
            open_frames -= 1
        else:
            raise ValueError(f"no line of a flowchart: {line!r}")
    if open_frames:
        raise ValueError(f"{open_frames} frames are not closed")
    return chart
