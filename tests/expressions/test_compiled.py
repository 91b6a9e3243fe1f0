"""Whole values: every string in them is a template."""

import copy

import pytest

from minizaps.definition.expressions import compile_template, compile_value
from minizaps.errors import ExpressionError, Problem

SCOPE = {"a": {"b": [1, 2]}, "name": "Ada"}


def compiled(value):
    problems: list[Problem] = []
    result = compile_value(value, problems)
    assert not problems
    return result


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("{{ a.b }}", [1, 2]),
        ("Hi {{ name }}", "Hi Ada"),
        (["{{ name }}", 1, None], ["Ada", 1, None]),
        ({"x": {"y": ["{{ a.b[0] }}", "z"]}, "s": [1]}, {"x": {"y": [1, "z"]}, "s": [1]}),
        ({"{{ name }}": "{{ name }}"}, {"{{ name }}": "Ada"}),
        (5, 5),
        ("static", "static"),
    ],
)
def test_a_value_is_rendered(value, result):
    before = copy.deepcopy(value)
    assert compiled(value).render(SCOPE) == result
    assert value == before


def test_the_order_of_keys_stays():
    rendered = compiled({"b": "{{ name }}", "a": 1, "c": "{{ name }}"}).render(SCOPE)
    assert list(rendered) == ["b", "a", "c"]


def test_static_parts_are_shared():
    value = {"static": {"deep": [1]}, "dynamic": "{{ name }}"}
    first, second = compiled(value).render(SCOPE), compiled(value).render(SCOPE)
    assert first["static"] is second["static"] is value["static"]
    assert first is not second
    assert compiled([1, {"a": "b"}]).static
    assert not compiled([1, {"a": "{{ name }}"}]).static


def test_every_string_that_cannot_be_read_is_a_problem():
    problems = [Problem("/name", "something else")]
    value = {"url": "{{ a", "list": ["ok", "{{ b | uper }}"], "a/b~c": "{{ }}", "fine": "{{ a }}"}
    assert compile_value(value, problems, "/steps/0/config") is None
    assert [problem.pointer for problem in problems[1:]] == [
        "/steps/0/config/url",
        "/steps/0/config/list/1",
        "/steps/0/config/a~1b~0c",
    ]
    assert problems[2].detail == (
        "there is no filter 'uper' (did you mean 'upper'?) (line 1, column 8)\n"
        "  {{ b | uper }}\n"
        "         ^"
    )


def test_a_failure_carries_the_pointer_of_its_string():
    value = compile_value({"list": ["x", {"u": "{{ nope }}"}]}, [], "/config")
    with pytest.raises(ExpressionError) as caught:
        value.render(SCOPE)
    assert caught.value.pointer == "/config/list/1/u"


def test_references_carry_the_pointer_of_their_string():
    value = compiled({"x": ["{{ a.b }}"], "y": "{{ name }} {{ a | length }}"})
    assert [(pointer, reference.path) for pointer, reference in value.references] == [
        ("/x/0", ("a", "b")),
        ("/y", ("name",)),
        ("/y", ("a",)),
    ]


@pytest.mark.parametrize(
    ("source", "references"),
    [
        ("{{ steps.order.body['id'] }}", [(("steps", "order", "body", "id"), 1, 4, False)]),
        ("{{ a.b[0][-1].c }}", [(("a", "b", 0, -1, "c"), 1, 4, False)]),
        ("{{ a[b.c].d }}", [(("a",), 1, 4, False), (("b", "c"), 1, 6, False)]),
        ("{{ a.b[1:c] }}", [(("a", "b"), 1, 4, False), (("c",), 1, 10, False)]),
        ("{{ a.b | default(c.d) }}", [(("a", "b"), 1, 4, True), (("c", "d"), 1, 18, False)]),
        ("{{ a is defined and a }}", [(("a",), 1, 4, True), (("a",), 1, 21, False)]),
        ("{{ (a if b else c) | d(1) }}", [(("b",), 1, 10, False), (("a",), 1, 5, True),
                                          (("c",), 1, 17, True)]),
        ("{{ a | first | default(1) }}", [(("a",), 1, 4, True)]),
        ("{{ a | upper | default('') }}", [(("a",), 1, 4, False)]),
        ("{{ a[x] | default('') }}", [(("a",), 1, 4, True), (("x",), 1, 6, False)]),
        ("x\n{{ a }}\n\n {{ 'b' ~ c }}", [(("a",), 2, 4, False), (("c",), 4, 11, False)]),
        ("{{ now() }} {{ 1 }}", []),
        ("text", []),
    ],
)  # fmt: skip
def test_references_say_what_is_read(source, references):
    found = [(each.path, each.line, each.column, each.optional)
             for each in compile_template(source).references]  # fmt: skip
    assert found == references


def test_a_reference_is_shown_as_it_is_written():
    (reference,) = compile_template("{{ steps.a['b-c'][0] }}").references
    assert str(reference) == "steps.a['b-c'][0]"
