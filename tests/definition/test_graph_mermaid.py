"""A workflow as a Mermaid flowchart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from minizaps.definition.graph import mermaid
from minizaps.definition.graph.chart import quoted
from minizaps.definition.tree import walk
from tests.definition.flowchart import Edge, Flowchart, read
from tests.definition.generated import DEFINITIONS, PATIENT
from tests.definition.support import check, flow, step

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted(p for p in FOLDER.glob("*.json") if not p.name.endswith(".test.json"))
NESTED = flow(
    {
        "id": "lines",
        "type": "foreach",
        "config": {"items": "{{ trigger.body.items }}", "concurrency": 4},
        "steps": [
            step(id="price", on_error="continue"),
            step(id="book", **{"if": "{{ item.n > 0 }}"}, on_error={"steps": [step(id="undo")]}),
        ],
    },
    {
        "id": "route",
        "type": "switch",
        "cases": [{"if": "{{ trigger.body.big }}", "steps": [step(id="big")]}],
    },
    {"id": "ship", "type": "workflow", "name": "Ship it", "config": {"workflow": "ship-order"}},
    triggers=[{"id": "shop", "type": "webhook"}],
    on_failure=[step(id="page")],
)
CHART = """\
flowchart TD
  t_shop(["shop · webhook"])
  subgraph run["workflow flow"]
    s_lines{{"lines · foreach<br/>for each of trigger.body.items<br/>4 at a time"}}
    subgraph f_lines["lines#58; each item"]
      s_price["price · set"]
      j_book(("#63;"))
      s_book["book · set"]
      s_undo["undo · set"]
    end
    s_route{"route · switch"}
    s_big["big · set"]
    s_ship[["Ship it<br/>ship · workflow<br/>runs ship-order"]]
  end
  done(["end"])
  subgraph failing["when the run fails"]
    s_page["page · set"]
  end
  failed(["failed"])
  t_shop --> s_lines
  s_lines --> s_price
  s_price --> j_book
  s_price -.->|"on error"| j_book
  j_book -->|"if item.n #62; 0"| s_book
  s_book -.->|"on error"| s_undo
  s_book --> s_route
  s_undo --> s_route
  j_book -->|"else"| s_route
  s_route -->|"if trigger.body.big"| s_big
  s_big --> s_ship
  s_route -->|"else"| s_ship
  s_ship --> done
  run -.-> s_page
  s_page --> failed
"""


def chart_of(*steps: Any, **keys: Any) -> Flowchart:
    return read(mermaid(check(flow(*steps, **keys))))


def test_nested_blocks_are_drawn_as_frames_forks_and_dotted_edges() -> None:
    assert mermaid(check(NESTED)) == CHART


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_a_chart_in_which_each_step_is_reached(path: Path) -> None:
    definition = check(json.loads(path.read_text()))
    chart = read(mermaid(definition))
    reached = {edge.target for edge in chart.edges}
    assert {f"s_{s['id']}" for _, s in walk(definition)} <= reached
    assert {f"t_{t['id']}" for t in definition["triggers"]} <= {e.source for e in chart.edges}


@PATIENT
@given(DEFINITIONS)
def test_any_definition_has_each_step_once_and_no_loose_ends(definition: Any) -> None:
    chart = read(mermaid(definition))
    declared = [*chart.nodes, *chart.frames]
    assert len(set(declared)) == len(declared)
    steps = [node for node in chart.nodes if node.startswith("s_")]
    assert sorted(steps) == sorted(f"s_{s['id']}" for _, s in walk(definition))
    sources = {edge.source for edge in chart.edges}
    targets = {edge.target for edge in chart.edges}
    assert sources | targets <= set(declared)
    begins = {node for node in chart.nodes if node == "begin" or node.startswith("t_")}
    assert set(chart.nodes) - targets == begins
    assert set(chart.nodes) - sources == {"done", "failed"} & set(chart.nodes)


@PATIENT
@given(DEFINITIONS)
def test_any_definition_has_few_more_edges_than_nodes(definition: Any) -> None:
    chart = read(mermaid(definition))
    cases = sum(len(s.get("cases", ())) + 1 for _, s in walk(definition))
    assert len(chart.edges) <= 2 * len(chart.nodes) + cases


def test_without_a_trigger_a_run_is_started_by_hand() -> None:
    assert 'begin(["started by hand"])' in mermaid(check(flow()))


def test_names_that_show_nothing_leave_no_empty_label() -> None:
    invisible = "\u200b "
    definition = flow(step(id="a", name=invisible), on_failure=[step()])
    chart = mermaid(check({**definition, "name": invisible}))
    assert 'subgraph run["workflow"]' in chart
    assert 's_a["a · set"]' in chart


def test_a_condition_right_after_a_lone_step_leaves_from_that_step() -> None:
    chart = chart_of(step(id="a"), step(id="b", **{"if": False}), step(id="c"))
    assert Edge("s_a", "-->", "s_b", "if false") in chart.edges
    assert Edge("s_a", "-->", "s_c", "else") in chart.edges


def test_a_condition_that_begins_a_branch_has_a_fork_of_its_own() -> None:
    branch = {"id": "b", "steps": [step(id="a", **{"if": "{{ trigger.body.x }}"})]}
    chart = chart_of({"id": "both", "type": "parallel", "branches": [branch]})
    assert Edge("s_both", "-->", "j_a", "b") in chart.edges
    assert Edge("j_a", "-->", "s_a", "if trigger.body.x") in chart.edges
    assert Edge("j_a", "-->", "done", "else") in chart.edges


def test_what_runs_before_a_wait_leads_to_it() -> None:
    chart = chart_of({"id": "ask", "type": "wait", "steps": [step(id="mail")]})
    assert chart.frames == ["f_ask"]
    assert [edge[::2] for edge in chart.edges] == [
        ("begin", "s_mail"),
        ("s_mail", "s_ask"),
        ("s_ask", "done"),
    ]


@pytest.mark.parametrize("word", ["end", "subgraph", "graph", "style", "default", "click", "o"])
def test_a_step_may_be_called_like_a_word_of_mermaid(word: str) -> None:
    assert chart_of(step(id=word)).nodes == ["begin", f"s_{word}", "done"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('say "hi"', "say #34;hi#34;"),
        ("[a](b){c}", "#91;a#93;#40;b#41;#123;c#125;"),
        ("#35; #quot;", "#35;35#59; #35;quot#59;"),
        ("two\n  lines\r\n", "two lines"),
        ("<b>&amp;</b>", "#60;b#62;#38;amp#59;#60;/b#62;"),
        ("`x` **y** _z_", "#96;x#96; #42;#42;y#42;#42; #95;z#95;"),
        ("a_b.c-d", "a_b.c-d"),
        ("1. first", "1#46; first"),
        ("- item", "#45; item"),
        ("www.a.test", "www#46;a.test"),
        ("\x1b[31m\u202ered\0", "#91;31mred"),
        ("日本語", "日本語"),
        ("$$x$$", "#36;#8203;#36;x#36;#8203;#36;"),
        ("a\\nb", "a#92;#8203;nb"),
        ("fa:fa-car", "fa#58;#8203;fa-car"),
        ("ﬂ°°35¶ß", "ﬂ#8203;#176;#176;35#182;#8203;ß"),
        ("x" * 30, "x" * 19 + "…"),
    ],
)
def test_a_label_says_what_is_written_and_nothing_to_mermaid(text: str, label: str) -> None:
    assert quoted(text, 20) == label
