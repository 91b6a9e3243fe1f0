"""The outline of a workflow as a tree of lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from minizaps.definition.graph import Outline, Row

NARROWEST = 40
LONGEST_LABEL = 30  # cells that the column of the ids may take beside its rails
LONGEST_TYPE = 14
NOTES = 24  # cells that notes need to stand beside a step; else they stand below it
DOT = " · "
RAIL = "bright_black"
LABELS = {"step": "bold", "trigger": "bold green", "way": "magenta", "error": "red"}


class Line(NamedTuple):
    """A row with the rails before it, and those before what stands below it."""

    rail: str
    below: str
    row: Row


def draw(outline: Outline, width: int) -> Iterator[Text]:
    """The lines of a workflow, none wider than `width` cells."""
    width = max(width, NARROWEST)
    triggers = [Line("▶ ", "│ ", row) for row in outline.triggers]
    step = _indent((*outline.steps, *outline.on_failure), width)
    steps = list(_lines(outline.steps, "", step))
    failing = list(_lines(outline.on_failure, "", step))
    columns = _columns([*triggers, *steps, *failing], width)
    yield _cut(Text(outline.name, "bold"), width)
    if outline.description:
        yield _cut(Text(outline.description, "dim"), width)
    yield from _flow([Text(limit, "yellow") for limit in outline.limits], width)
    yield Text()
    for line in triggers:
        yield from _drawn(line, columns, width)
    yield Text("│", RAIL)
    for line in steps:
        yield from _drawn(line, columns, width)
    if failing:
        yield Text()
        yield Text("when the run fails", LABELS["error"])
        for line in failing:
            yield from _drawn(line, columns, width)


def _indent(rows: Iterable[Row], width: int) -> int:
    """How far a level is indented, so that the deepest one leaves room beside it."""
    deepest = _depth(rows)
    return next((step for step in (3, 2) if step * deepest <= width * 3 // 5), 1)


def _depth(rows: Iterable[Row]) -> int:
    return max((1 + _depth(row.rows) for row in rows), default=0)


def _lines(rows: tuple[Row, ...], rail: str, step: int) -> Iterator[Line]:
    for index, row in enumerate(rows):
        last = index == len(rows) - 1
        corner = "└" if last else "├"
        dash = "╌" if row.kind == "error" else "─"
        here = corner.ljust(step - 1, dash).ljust(step)
        below = rail + (" " if last else "│").ljust(step)
        yield Line(rail + here, below, row)
        yield from _lines(row.rows, below, step)


class _Columns(NamedTuple):
    """Where the types start, and where the notes do."""

    types: int
    notes: int


def _columns(lines: list[Line], width: int) -> _Columns:
    named = [line for line in lines if line.row.type]
    labels = [len(line.rail) + min(len(line.row.label), LONGEST_LABEL) for line in named]
    types = min(max(labels, default=0), width // 2) + 2
    longest = max((cell_len(line.row.type) for line in named), default=0)
    return _Columns(types, types + min(longest, LONGEST_TYPE) + 2)


def _drawn(line: Line, columns: _Columns, width: int) -> Iterator[Text]:
    """A row: its notes stand beside it where there is room, else below it."""
    head = _head(line, columns, width)
    beside = head.cell_len < columns.notes and width - columns.notes >= NOTES
    start = columns.notes if beside else min(len(line.below) + 4, width - NOTES // 2)
    notes = list(_flow(_notes(line.row), width - start))
    if beside and notes:
        head = _at(start, head, notes.pop(0))
    yield head
    below = line.below + ("│" if line.row.rows else "")
    for note in notes:
        yield _at(start, Text(below[: start - 2], RAIL), note)


def _head(line: Line, columns: _Columns, width: int) -> Text:
    row = line.row
    label = Text.assemble((line.rail, RAIL), (row.label, LABELS[row.kind]))
    if not row.type:
        return _cut(label, width)
    kind = _cut(Text(row.type, "cyan"), LONGEST_TYPE)
    return _at(columns.types, _cut(label, width - kind.cell_len - 2), kind)


def _at(start: int, text: Text, further: Text) -> Text:
    """Both in one line, the further one from a column on, or as near to it as may be."""
    gap = max(start - text.cell_len, 2)
    return Text.assemble(text, " " * gap, further)


def _notes(row: Row) -> list[Text]:
    notes = [Text(row.name)] if row.name else []
    if row.condition is not None:
        notes.append(Text(f"if {row.condition}", "magenta"))
    return notes + [Text(fact, "dim") for fact in row.facts]


def _flow(notes: Iterable[Text], width: int) -> Iterator[Text]:
    """The notes in lines, as many in one as there is room for."""
    line = Text()
    for note in (_cut(note, width) for note in notes):
        if line and line.cell_len + len(DOT) + note.cell_len > width:
            yield line
            line = Text()
        line = Text.assemble(line, (DOT, RAIL), note) if line else note
    if line:
        yield line


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    return text
