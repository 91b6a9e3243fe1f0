"""What people read when an expression is wrong, to the letter."""

import pytest

from minizaps.definition.expressions import compile_condition, compile_template
from minizaps.errors import ExpressionError, ExpressionSyntaxError

SCOPE = {
    "trigger": {"body": {"id": 7, "items": [{"p": 1}], "note": None}, "headers": {}},
    "steps": {"order": {"status": 200, "body": {"total": 5}}},
    "$now": "2026-03-01T12:30:00Z",
}

SYNTAX = [
    ("{{ a", 1, 1, "'{{' is not closed: '}}' is missing"),
    ("ok {{ a }} and {{ b + ", 1, 16, "'{{' is not closed: '}}' is missing"),
    ("{{ }}", 1, 4, "there is no expression between '{{' and '}}'"),
    ("{{ a.b. }}", 1, 9, "a name expected here, not the end of the expression"),
    ("{{ a b }}", 1, 6, "'}}' or an operator expected here, not b"),
    ("one\ntwo {{ a ? b }}", 2, 10, "'?' has no meaning in an expression (write 'x if c else y')"),
    ("{{ a && b }}", 1, 6, "'&' has no meaning in an expression (write 'and')"),
    ("{{ 'abc }}", 1, 4, "the text is not closed: ' is missing"),
    ("{{ 12ab }}", 1, 4, "this is not a number"),
    ("{{ 012 }}", 1, 4, "this is not a number"),
    ("{{ 99999999999999999999 }}", 1, 4, "the number is too large (64 bits at most)"),
    ("{{ 1e999 }}", 1, 4, "the number is too large"),
    ("{{ '\\ud800' }}", 1, 4, "the text has half a character (a lone surrogate)"),
    ("{{ x if y }}", 1, 11, "'else' expected here, not the end of the expression"),
    ("{{ [1, 2 }}", 1, 10, "',' expected here, not the end of the expression"),
    ("{{ {a: 1} }}", 1, 5, "a key in quotes expected here, not a"),
    ("{{ a | uper }}", 1, 8, "there is no filter 'uper' (did you mean 'upper'?)"),
    ("{{ a | upper(1) }}", 1, 8, "upper takes no arguments, not 1"),
    ("{{ a | replace('x') }}", 1, 8, "replace needs the argument 'new'"),
    (
        "{{ a | sort(atribute='x') }}",
        1,
        8,
        "sort has no argument 'atribute' (did you mean 'attribute'?): it has attribute, reverse",
    ),
    ("{{ a | join(',', separator='') }}", 1, 8, "join gets the argument 'separator' twice"),
    ("{{ a.upper() }}", 1, 11, "there are no functions but now(): write 'value | upper'"),
    ("{{ range(3) }}", 1, 9, "there are no functions but now(), and no methods"),
    ("{{ a.0 }}", 1, 6, "write [0] for an item of a list"),
    ("{{ a is odd }}", 1, 9, "'defined' or 'none' expected here, not odd"),
    ("{{- a }}", 1, 3, "'{{-' has no meaning here: write '{{ -' for a minus sign"),
    ("{{ 1 + not a }}", 1, 8, "a value expected here, not not"),
    ("{{ a = 1 }}", 1, 6, "'}}' or an operator expected here, not ="),
    ("{{ a[1:2:3] }}", 1, 9, "']' expected here, not :"),
]


@pytest.mark.parametrize(("source", "line", "column", "message"), SYNTAX)
def test_a_syntax_error_points_at_its_place(source, line, column, message):
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_template(source)
    error = caught.value
    assert (error.message, error.line, error.column) == (message, line, column)


def test_a_syntax_error_shows_the_line_with_a_caret():
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_template("Dear {{ name }},\nyour {{ order | uper }} is here")
    assert caught.value.problems[0].detail == (
        "there is no filter 'uper' (did you mean 'upper'?) (line 2, column 17)\n"
        "  your {{ order | uper }} is here\n"
        "                  ^"
    )


FAILURES = [
    ("steps.order.bdy.x", 13, "'bdy' is missing in steps.order (did you mean 'body'?): "
     "there is status, body"),
    ("trigger.headers.x", 17, "'x' is missing in trigger.headers: there is nothing in it"),
    ("nothing", 1, "'nothing' is missing: there is trigger, steps"),
    ("trigger.body.note.x", 19, "'x' is missing: trigger.body.note is null"),
    ("trigger.body.id.x.y", 17, "'x' is missing: trigger.body.id is a number"),
    ("trigger.body.items[3].p", 20, "trigger.body.items has no [3]: it has 1 item"),
    ("trigger.body.items.p", 20, "'p' is missing: trigger.body.items is a list (take one item, "
     "such as [0], or use | map(attribute='p'))"),
    ("trigger.body['no ' ~ 'such']", 13, "'no such' is missing in the value: there is id, items, "
     "note"),
    ("trigger[0]", 9, "a key of trigger is a string, not 0"),
    ("1 + '2'", 3, "'+' needs two numbers, two strings or two lists, not a number and a string "
     "(join texts with '~', or convert with | int or | float)"),
    ("1 < '2'", 3, "'<' needs two numbers or two strings, not a number and a string (convert with "
     "| int, | float or | string)"),
    ("true < 1", 6, "'<' needs two numbers or two strings, not a boolean and a number"),
    ("true + 1", 6, "'+' needs two numbers, two strings or two lists, not a boolean and a number"),
    ("[] - 1", 4, "'-' needs two numbers, not a list and a number"),
    (" -'a'", 2, "'-' needs a number, not a string"),
    ("1 in 2", 3, "'in' needs a list, a string or an object, not a number"),
    ("1 in 'a1'", 3, "'in' needs a string to look for in a string, not a number"),
    ("1 / 0", 3, "division by zero"),
    ("1 % 0.0", 3, "division by zero"),
    ("0 ** -1", 3, "division by zero"),
    ("(-8) ** 0.5", 6, "the result is no finite number"),
    ("10 ** 10 ** 10", 10, "the number gets too large (64 bits at most)"),
    ("2 ** 65", 3, "the number gets too large"),
    ("1e308 * 10", 7, "the result is no finite number"),
    ("1 | upper", 5, "upper needs a string, not a number"),
    ("'a' | join", 7, "join needs a list, not a string"),
    ("[] | max", 6, "max found nothing: the list is empty"),
    ("[1, 'a'] | sort", 12, "sort needs only numbers or only strings, not a number, a string"),
    ("[{'a': 1}, {'b': 2}] | map('a')", 24, "map cannot read [1]: 'a' is missing in the value: "
     "there is b"),
    ("['x'] | sum", 9, "sum needs numbers, not a string"),
    ("'x' | int", 7, "int cannot make a whole number of 'x'"),
    ("none | float", 8, "float cannot make a number of null"),
    ("1e300 | int", 9, "int: the number gets too large (64 bits at most)"),
    ("'maybe' | bool", 11, "bool cannot make true or false of 'maybe'"),
    ("'{' | parse_json", 7, "parse_json cannot read the text as JSON: unexpected end of data: "
     "line 1 column 2 (char 1)"),
    ("'x' | date_format('%Y')", 7, "date_format needs a time such as '2026-03-01T12:30:00Z' or "
     "seconds since 1970, not 'x'"),
    ("now() | date_format('%Q')", 9, "date_format cannot write '%Q': the format has no such part"),
    ("now() | date('Mars/Base')", 9, "date cannot find the time zone 'Mars/Base' (write it as "
     "'Europe/Berlin')"),
    ("now() | date_add(days=99999999)", 9, "date_add cannot go beyond the years 1 to 9999"),
    ("'x' | base64_decode", 7, "base64_decode cannot read the text as Base64 of UTF-8 text"),
    ("'x' | hash('crc32')", 7, "hash needs one of sha256, sha1, md5, sha512 as algorithm, "
     "not 'crc32'"),
    ("'x' | regex_search('(')", 7, "regex_search cannot read the pattern '(': missing ): ("),
    ("'x' | regex_search('x', 1)", 7, "regex_search needs a group from 0 to 0, not 1"),
    ("'x' | regex_replace('x', '\\1')", 7, "regex_replace needs a group that the pattern has, "
     "not \\1"),
    ("'x' | truncate(-1)", 7, "truncate needs a whole number from 0 to 1048576 as length, not -1"),
    ("[1][true]", 4, "a key is a string or a whole number, not a boolean"),
    ("{}[[1]]", 3, "a key is a string or a whole number, not a list"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "column", "message"), FAILURES)
def test_a_failure_says_what_and_where(expression, column, message):
    template = compile_template("{{" + expression + "}}")
    with pytest.raises(ExpressionError) as caught:
        template.render(SCOPE)
    error = caught.value
    assert (error.message, error.line, error.column - 2) == (message, 1, column)
    assert str(error) == f"{message} (line 1, column {column + 2})"


def test_the_place_of_a_failure_counts_lines():
    template = compile_template("first\nsecond {{\n  trigger.nope }}")
    with pytest.raises(ExpressionError) as caught:
        template.render(SCOPE)
    assert (caught.value.line, caught.value.column) == (3, 11)


def test_now_needs_the_engine():
    with pytest.raises(ExpressionError, match=r"now\(\) is not available here"):
        compile_template("{{ now() }}").render({})


def test_a_bad_pattern_writes_nothing(capfd):
    with pytest.raises(ExpressionError):
        compile_template("{{ 'x' | regex_search('[') }}").render({})
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("source", "result"), [("{{ 1 < 2 }}", True), (" {{ a }}\n", False)])
def test_a_condition_is_true_or_false(source, result):
    assert compile_condition(source).render({"a": False}) is result


@pytest.mark.parametrize("source", ["true", "", "{{ a }}{{ a }}", "{{ a }} and {{ a }}"])
def test_a_condition_is_one_expression(source):
    with pytest.raises(ExpressionSyntaxError, match="a condition is one expression, such as"):
        compile_condition(source)


@pytest.mark.parametrize(
    ("value", "what"),
    [(1, "a number"), ("true", "a string"), (None, "null"), ([1], "a list"), ({}, "an object")],
)
def test_a_condition_of_another_type_is_an_error(value, what):
    with pytest.raises(ExpressionError) as caught:
        compile_condition("{{ a }}").render({"a": value})
    assert caught.value.message == f"the condition is {what}, where true or false is needed"
