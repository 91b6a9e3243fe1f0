"""No expression may take long or much memory, whatever it is and whatever the data is."""

import time
import tracemalloc

import pytest

from minizaps.definition.expressions import compile_template
from minizaps.definition.expressions.budget import MAX_TOKENS
from minizaps.errors import ExpressionError, ExpressionSyntaxError

from .fuzz import data

_HANG = 2.0  # seconds: only a guard, the bounds themselves count steps
_MEMORY = 20_000_000  # bytes, with what the JSON writer reserves


@pytest.fixture(scope="module")
def scope():
    return data()


TOO_MUCH = [
    ("text ~ text", "the text gets longer than 1,048,576 characters"),
    ("text + text", "the text gets longer than 1,048,576 characters"),
    ("text | replace('x', 'yyyyyyyyyy')", "the text gets longer than 1,048,576 characters"),
    ("[text, text] | join", "the text gets longer than 1,048,576 characters"),
    ("[text, text] | json", "the text gets longer than 1,048,576 characters"),
    ("'' ~ [text, text]", "the text gets longer than 1,048,576 characters"),
    ("text | base64 | base64", "the text gets longer than 1,048,576 characters"),
    ("wide | urlencode", "the text gets longer than 1,048,576 characters"),
    ("text | split('x')", "the expression takes too many steps"),
    ("[object | items, object | items, object | items]", "the expression makes too much data"),
    ("text | regex_findall('x')", "the expression takes too many steps"),
    ("text | regex_replace('x', 'yy')", "the expression takes too many steps"),
    ("text[:100000] | regex_findall('x*y|x')", "the expression takes too many steps"),
    ("words | regex_search('[ab]*a[ab]{200}c')", "the expression takes too many steps"),
    ("text | regex_search('((x{0,30}){30}){30}')", "cannot read the pattern"),
    ("text | regex_search(text)", "a pattern of at most 1000 characters"),
    ("numbers | reverse | sort", "the expression takes too many steps"),
    ("numbers + numbers + numbers", "the expression takes too many steps"),
    ("[numbers, numbers, numbers]", "the expression takes too many steps"),
    ("[numbers, numbers, numbers] | json", "the expression takes too many steps"),
    ("rows | unique", "the expression takes too many steps"),
    ("rows == (rows | reverse | reverse)", "the expression takes too many steps"),
    ("[deep]", "nested more than 200 levels deep"),
    ("deep | json", "nested more than 200 levels deep"),
    ("('[' ~ text | replace('x', '[],')) | parse_json", "1,048,576 characters"),
    ("text[:300000] | replace('x', '[],') | parse_json", "the expression takes too many steps"),
    ("10 ** 10 ** 10", "the number gets too large"),
    ("18446744073709551615 * 18446744073709551615", "the number gets too large"),
    ("text | replace('x', '9') | int", "cannot make a whole number of"),
    ("now() | date_format(text)", "a format of at most 200 characters"),
]


@pytest.mark.parametrize(("expression", "message"), TOO_MUCH)
def test_what_is_too_much_is_an_error(scope, expression, message):
    template = compile_template("{{ " + expression + " }}")
    started = time.process_time()
    with pytest.raises(ExpressionError) as caught:
        template.render(scope)
    assert message in caught.value.message
    assert time.process_time() - started < _HANG


FINE = [
    "text == text",
    "text | upper | length",
    "rows | map('x') | sum",
    "rows | where('a.b', 3) | length",
    "rows | sort('a.b') | first",
    "floats | sort(reverse=true) | first",
    "numbers | length + (numbers | sum)",
    "words | split | length",
    "words[:15000] | regex_replace('<[^>]*>', '') | length",
    "text | hash('sha512')",
    "words | base64 | base64_decode == words",
    "deep == deep",
    "99999 in numbers",
    "rows[:5000] | json | parse_json == rows[:5000]",
]


@pytest.mark.parametrize("expression", FINE)
def test_large_data_is_no_problem_by_itself(scope, expression):
    compile_template("{{ " + expression + " }}").render(scope)


@pytest.mark.parametrize("expression", [*(each for each, _ in TOO_MUCH), *FINE])
def test_memory_stays_small(scope, expression):
    template = compile_template("{{ " + expression + " }}")
    tracemalloc.start()
    try:
        template.render(scope)
    except ExpressionError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < _MEMORY


TOO_LARGE = [
    ("{{ " + "(" * 100_000 + " }}", f"more than {MAX_TOKENS:,} words"),
    ("{{ " + "(" * 1000 + "1" + ")" * 1000 + " }}", "nested too deeply"),
    ("{{ " + "[" * 1000 + " }}", "nested too deeply"),
    ("{{ " + "not " * 1000 + "1 }}", "nested too deeply"),
    ("{{ " + "-" * 1 + "-" * 1000 + "1 }}", "nested too deeply"),
    ("{{ " + "1 + " * 1000 + "1 }}", "nested too deeply"),
    ("{{ " + "a or " * 1000 + "1 }}", "nested too deeply"),
    ("{{ a" + " | upper" * 1000 + " }}", "nested too deeply"),
    ("{{ a" + "[b]" * 1000 + " }}", "nested too deeply"),
    ("{{ " + "1 if 1 else " * 800 + "1 }}", "nested too deeply"),
    ("{{ a }}" * 3000, "words"),
    ("x" * 300_000 + "{{ a }}", "longer than 262,144 characters"),
    ("{{ " + "9" * 5000 + " }}", "the number is too large"),
    ("{{ '" + "x" * 260_000, "is not closed"),
]


@pytest.mark.parametrize(("source", "message"), TOO_LARGE)
def test_a_source_that_is_too_large_is_a_syntax_error(source, message):
    started = time.process_time()
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_template(source)
    assert message in caught.value.message
    assert time.process_time() - started < _HANG


@pytest.mark.parametrize(
    "expression",
    ["a" + ".b" * 1500, " ~ ".join("a" * 1500), "[" + "1, " * 1500 + "]", "1 < " * 1000 + "2"],
)
def test_long_but_flat_expressions_are_fine(expression):
    compile_template("{{ " + expression + " }}")


def test_the_budget_starts_anew_with_each_rendering(scope):
    template = compile_template("{{ numbers | reverse | length }}")
    assert [template.render(scope) for _ in range(5)] == [100_000] * 5


def test_an_overrun_is_the_same_each_time(scope):
    template = compile_template("{{ rows | unique }}")
    messages = set()
    for _ in range(3):
        with pytest.raises(ExpressionError) as caught:
            template.render(scope)
        messages.add(str(caught.value))
    assert len(messages) == 1
