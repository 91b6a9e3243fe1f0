"""`graph`: a definition as a picture."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from minizaps.cli.graph_tree import draw
from minizaps.definition.graph import mermaid, outline
from minizaps.definition.tree import walk
from tests.cli.conftest import HELLO, Minizaps
from tests.definition.generated import DEFINITIONS, PATIENT
from tests.definition.support import check, flow, step

NESTED = flow(
    step(id="order", name="Read the order", retry={"max_attempts": 5}),
    {
        "id": "lines",
        "type": "foreach",
        "config": {"items": "{{ trigger.body.items }}", "concurrency": 4},
        "steps": [
            step(
                id="book",
                timeout="PT10S",
                **{"if": "{{ item.price > 0 and item.stock > 0 and item.sku in trigger.skus }}"},
                on_error={"steps": [step(id="undo")]},
            )
        ],
    },
    {
        "id": "route",
        "type": "switch",
        "cases": [
            {
                "if": "{{ trigger.body.total > 100 }}",
                "steps": [
                    {
                        "id": "ask",
                        "type": "wait",
                        "config": {"approve": True, "timeout": "P2D"},
                        "steps": [step(id="mail")],
                    }
                ],
            }
        ],
        "default": [{"id": "ship", "type": "workflow", "config": {"workflow": "ship-order"}}],
    },
    description="Takes an order.\nThen ships it.",
    timeout="P7D",
    concurrency={"limit": 5, "key": "{{ trigger.body.shop }}"},
    triggers=[{"id": "shop", "type": "webhook"}],
    on_failure=[step(id="page")],
)
PICTURE = """\
flow
Takes an order. Then ships it.
timeout P7D · 5 runs at a time per trigger.body.shop, others wait

▶ shop               webhook
│
├─ order             set       Read the order · 5 tries
├─ lines             foreach   for each of trigger.body.items · 4 at a time
│  └─ book           set       if item.price > 0 and item.stock > 0 and item.sk…
│     │                        timeout PT10S
│     └╌ on error
│        └─ undo     set
└─ route             switch
   ├─ if trigger.body.total > 100
   │  └─ ask         wait      waits for an approval · P2D at most
   │     └─ before it waits
   │        └─ mail  set
   └─ else
      └─ ship        workflow  runs ship-order

when the run fails
└─ page              set
"""


def lines_of(definition: Any, width: int = 80) -> list[str]:
    return [line.plain for line in draw(outline(definition), width)]


def test_a_picture_shows_order_nesting_and_what_is_worth_knowing(
    minizaps: Minizaps, tmp_path: Path
) -> None:
    (tmp_path / "nested.json").write_text(json.dumps(NESTED))
    result = minizaps("graph", "nested.json")
    assert (result.code, result.out) == (0, PICTURE)


def test_mermaid_is_printed_for_documents(minizaps: Minizaps) -> None:
    result = minizaps("graph", "hello.json", "--format", "mermaid")
    assert (result.code, result.out) == (0, mermaid(check(HELLO)))


def test_a_definition_is_read_from_standard_input(
    minizaps: Minizaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.TextIOWrapper(io.BytesIO(json.dumps(HELLO).encode()))
    monkeypatch.setattr(sys, "stdin", raw)
    result = minizaps("graph", "-")
    assert result.out.startswith("hello\n")
    assert "├─ delay_1   delay    waits 0.05 s\n" in result.out


@pytest.mark.parametrize("form", ["text", "mermaid"])
def test_a_definition_that_is_not_valid_has_the_problems_of_validate_and_no_picture(
    minizaps: Minizaps, tmp_path: Path, form: str
) -> None:
    (tmp_path / "bad.json").write_text('{"name": "x", "steps": [{"type": "webhok"}], "y": 1}')
    told = minizaps("validate", "bad.json")
    result = minizaps("graph", "bad.json", "--format", form)
    assert (result.code, result.out, result.err) == (1, "", told.out)
    assert "bad.json:/y  unknown key 'y'" in result.err


def test_a_file_that_is_not_there_is_said(minizaps: Minizaps) -> None:
    result = minizaps("graph", "none.json")
    assert (result.code, result.err) == (
        1,
        "minizaps: cannot read none.json: No such file or directory",
    )


@PATIENT
@given(DEFINITIONS, st.sampled_from([40, 80, 120]))
def test_any_definition_fits_its_width_and_has_every_step_in_its_order(
    definition: Any, width: int
) -> None:
    lines = lines_of(definition, width)
    assert max(map(cell_len, lines)) <= width
    assert all(len(line.splitlines()) <= 1 for line in lines)
    steps = [(step["id"], step["type"]) for _, step in walk(definition)]
    rows = iter(line.strip("│├└─╌ ").split() for line in lines)
    for step_id, kind in steps:
        assert any(_is_row(words, step_id, kind) for words in rows), (step_id, lines)


def _is_row(words: list[str], step_id: str, kind: str) -> bool:
    if len(words) < 2 or words[1] != kind:
        return False
    return words[0] == step_id or (words[0][-1] == "…" and step_id.startswith(words[0][:-1]))


def test_an_id_is_shown_whole_where_there_is_room_for_it() -> None:
    long = "a" * 63
    lines = lines_of(check(flow(step(id=long, name="A name"), step(id="b", name="B"))))
    assert lines[-3:] == [
        f"├─ {long}  set",
        "│      A name",
        f"└─ b{' ' * 31}set  B",
    ]


def test_wide_characters_are_counted_as_they_are_shown() -> None:
    line = lines_of(check(flow(step(id="a", name="日本語" * 40))))[-1]
    assert line.endswith("…")
    assert cell_len(line) in (79, 80)


def test_a_deep_nesting_is_indented_less() -> None:
    inner = step(id="leaf")
    for level in range(25):
        inner = {"id": f"l{level}", "type": "foreach", "config": {"items": [1]}, "steps": [inner]}
    lines = lines_of(check(flow(inner)))
    assert lines[-1].strip() == "└leaf  set"
    assert cell_len(lines[-1]) < 50


def test_the_deepest_nesting_still_fits_a_narrow_terminal() -> None:
    inner = step(id="leaf", name="A name")
    for level in range(19):
        inner = step(id=f"l{level}", name="A name", on_error={"steps": [inner]})
    lines = lines_of(check(flow(inner)), 40)
    assert max(map(cell_len, lines)) == 40
    assert "A name" in lines[-1]


def test_a_long_description_is_cut() -> None:
    line = lines_of(check(flow(description="word " * 40)))[1]
    assert line.endswith("…")
    assert cell_len(line) == 80
