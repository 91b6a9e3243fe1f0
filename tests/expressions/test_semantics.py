"""Rules of the language that the examples of the page do not show."""

import json
from types import MappingProxyType

import pytest

from minizaps.definition.expressions import compile_template

from .support import evaluate

SCOPE = {
    "a": {"b": {"c": 1}, "if": 2, "items": 3, "n": None, "list": [[1, 2], [3]]},
    "text": "{{ a }} {% x %}",
    "zero": 0,
}

CASES = [
    ("a.if + a.items", 5),
    ("-a.b.c", -1),
    ("-1 | abs", 1),
    ("-2 ** 2", 4),
    ("2 ** 3 ** 2", 64),
    ("2 ** -1", 0.5),
    ("1 ~ 2 * 3", "16"),
    ("not 1 == 2", True),
    ("not 1 in [1]", False),
    ("1 < 2 < 3 > 2", True),
    ("1 < 2 > 3", False),
    ("1 if false else 2 if false else 3", 3),
    ("1 == 1.0", True),
    ("true == 1", False),
    ("0 == false", False),
    ("'1' == 1", False),
    ("none == none", True),
    ("[1, [2.0]] == [1.0, [2]]", True),
    ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", True),
    ("[true] == [1]", False),
    ("1 in [true]", False),
    ("[1] in [[1]]", True),
    ("'b' in {'b': 1}", True),
    ("[1, true, 1.0, 'a', 'A', [1], [1.0], none, none] | unique", [1, True, "a", "A", [1], None]),
    ("zero or none or ''", ""),
    ("zero and missing", 0),
    ("1 or missing", 1),
    ("a.x.y.z | default(1)", 1),
    ("a.n.x | default(1)", 1),
    ("a.b.c.d | default(1)", 1),
    ("a.list[5][5] | default(1)", 1),
    ("a['x' ~ 'y'].z | default(1)", 1),
    ("a.x[1:] | default([])", []),
    ("(a.x if true else a.y) | default(1)", 1),
    ("a.x | default(a.y | default(a.b.c))", 1),
    ("a.x | default", ""),
    ("a.b.c | default(missing)", 1),
    ("a.x | default(default_value=3, boolean=true)", 3),
    ("zero | default(5)", 0),
    ("zero | default(5, true)", 5),
    ("missing is defined", False),
    ("missing is not defined", True),
    ("missing is undefined", True),
    ("a.n is defined", True),
    ("a.n is none and a.b is not none", True),
    ("a.list[0][-1]", 2),
    ("a.list | first | last", 2),
    ("a.list[1:]", [[3]]),
    ("'hello'[-3:-1]", "ll"),
    ("'x' ~ none ~ true ~ 1.0 ~ [1, {'a': none}]", 'xnulltrue1.0[1,{"a":null}]'),
    ("1e16 ~ ''", "1e+16"),
    ("'\\n\\t\\\\\\'\\x41\\u00e9\\ud83d\\ude00'", "\n\t\\'Aé😀"),
    ("'\\d\\b'", "\\d\\b"),
    ("[1, 2,]", [1, 2]),
    ("{'a': {'b': {}}}", {"a": {"b": {}}}),
    ("' 12 ' | int", 12),
    ("'-12.9' | int", -12),
    ("12.9 | int", 12),
    ("true | int", 1),
    ("'1e3' | float", 1000.0),
    ("'18446744073709551615' | int", 2**64 - 1),
    ("'nan' | float('no')", "no"),
    ("'1_000' | int(0)", 0),
    ("-2.5 | round", -3),
    ("5 | round(-1)", 10),
    ("2.345 | round(2)", 2.35),
    ("-2.1 | round(0, 'floor')", -3),
    ("[0.1, 0.2, 0.3, 0.4] | sum", 1.0),
    ("[] | sum", 0),
    ("[{'n': {'v': 2}}, {'n': {'v': 1}}] | sort('n.v') | map('n.v')", [1, 2]),
    ("[{'v': 1}, {}] | map('v', 0)", [1, 0]),
    ("[{'v': 1}, {}] | where('v', 1)", [{"v": 1}]),
    ("[{'v': none}, {}] | where('v', none)", [{"v": None}]),
    ("['b', 'a', 'C'] | sort", ["C", "a", "b"]),
    ("'a b  c' | split", ["a", "b", "c"]),
    ("'a,b,c' | split(',', 1)", ["a", "b,c"]),
    ("'aXbX' | replace('X', '', 1)", "abX"),
    ("'abc' | truncate(2, end='')", "ab"),
    ("'it\\'s a DAY-trip' | title", "It's A Day-Trip"),
    ("'xxaxx' | trim('x')", "a"),
    ("'2026-07-01T00:30' | date_format('%Y-%m-%d %H:%M %z', 'America/New_York')",
     "2026-06-30 20:30 -0400"),
    ("'2026-01-05T10:00:00+02:00' | date_format('%H %I %p %j %y %V %u')", "10 10 AM 005 26 02 1"),
    ("'2026-01-05T10:00:00+02:00' | date_add(minutes=-30)", "2026-01-05T09:30:00+02:00"),
    ("'2026-01-05T10:00:00.250Z' | timestamp", 1767607200.25),
    ("1767607200 | date('UTC')", "2026-01-05T10:00:00Z"),
    ("'ab12' | regex_match('[a-z]+')", False),
    ("'ab12' | regex_search('z')", None),
    ("'k=v; l=w' | regex_findall('(\\w)=(\\w)')", [["k", "v"], ["l", "w"]]),
    ("'k=v; l=w' | regex_findall('(\\w)=')", ["k", "l"]),
    ("'abc' | regex_replace('(?P<x>b)', '<\\g<x>\\\\\\\\>')", "a<b\\>c"),
    ("'abc' | regex_replace('x*', '-')", "-a-b-c-"),
    ("'aaa' | regex_replace('a', 'b', 2)", "bba"),
    ("'ÄÖ' | regex_replace('Ö', 'o')", "Äo"),
    ("'é/ ?' | urlencode", "%C3%A9%2F%20%3F"),
    ("'é' | base64 | base64_decode", "é"),
    ("'[1, 2.5, \"x\"]' | parse_json", [1, 2.5, "x"]),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "result"), CASES)
def test_an_expression_gives_a_value(expression, result):
    value = evaluate(expression, SCOPE)
    assert json.dumps(value) == json.dumps(result)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("", ""),
        ("plain }} text { {", "plain }} text { {"),
        ("{{ text }}", "{{ a }} {% x %}"),
        ("<{{ text }}>", "<{{ a }} {% x %}>"),
        (" {{ zero }}", " 0"),
        ("{{zero}}{{zero}}", "00"),
        ("{{ '}}' }}", "}}"),
        ("{{ {'a': {}}}}", {"a": {}}),
        ("a\n{{\n zero\n}}\n", "a\n0\n"),
    ],
)
def test_a_template_is_rendered_once(source, result):
    assert compile_template(source).render(SCOPE) == result


def test_a_template_says_whether_it_is_static():
    assert compile_template("no braces {").static
    assert not compile_template("{{ 1 }}").static
    assert compile_template("x {{ 1 }}").source == "x {{ 1 }}"


def test_the_scope_may_be_any_mapping():
    assert evaluate("a.b", MappingProxyType({"a": {"b": 1}})) == 1


def test_a_lone_path_gives_the_value_itself():
    body = {"large": [1, 2, 3]}
    assert evaluate("body", {"body": body}) is body


def test_a_template_can_be_rendered_again():
    template = compile_template("{{ a ~ 'x' * 1 if false else a }}!")
    assert [template.render({"a": number}) for number in (1, 2)] == ["1!", "2!"]
