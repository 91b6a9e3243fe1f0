"""The language is a subset of Jinja's: Jinja itself says what the common part means.

docs/expressions.md lists the deliberate differences; the generators leave them out: strict types
(a bool is no number, no repetition of strings), the text of none, true, lists and objects, sorting
by case, round(), int() of text, and sizes beyond the limits.
"""

import json
from typing import Any

import jinja2.nativetypes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minizaps.definition.expressions import compile_template
from minizaps.errors import ExpressionError, ExpressionSyntaxError

SCOPE: dict[str, Any] = {
    "n": 7,
    "f": 2.5,
    "s": "some Text, with-words",
    "e": "",
    "t": True,
    "nothing": None,
    "l": [3, 1, 2, 1],
    "w": ["b", "a", "c"],
    "o": {"k": 1, "in": {"deep": [10, {"x": "y"}]}, "if": "word"},
    "rows": [{"a": 2, "g": "x"}, {"a": 1, "g": "y"}],
}


class _Undefined(jinja2.ChainableUndefined, jinja2.StrictUndefined):
    """Strict, but `missing.key | default(1)` is allowed, as here."""


_JINJA = jinja2.nativetypes.NativeEnvironment(undefined=_Undefined, optimized=False)
_FAILED = object()

_FAST = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


def by_jinja(source: str) -> Any:
    try:
        value = _JINJA.compile_expression(source, undefined_to_none=False)(**SCOPE)
        if isinstance(value, jinja2.Undefined):
            return _FAILED
        if not isinstance(value, (dict, list, str, int, float, bool, type(None))):
            value = list(value)  # some of Jinja's filters give iterators
        return json.dumps(value, allow_nan=False)
    except (jinja2.TemplateError, ArithmeticError, TypeError, ValueError, LookupError):
        return _FAILED


def by_us(source: str) -> Any:
    try:
        return json.dumps(compile_template("{{ " + source + " }}").render(SCOPE), allow_nan=False)
    except (ExpressionError, ExpressionSyntaxError):
        return _FAILED


def words(*choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(choices)


def form(pattern: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda values: pattern.format(*values))


_SMALL = words("0", "1", "2", "3", "-1", "n", "-n", "17")
_TEXT = words("s", "e", "'a'", "'a b'", '"B,c"', "'it\\'s'", "'\\n'", "o.if", "w[0]", "w[9]", "'é'")
_PATHS = words(
    *("o.k", "o['k']", "o.in.deep[0]", "o.in.deep[1].x", "o.in.deep[-1]['x']", "o.nope", "nope"),
    *("o.nope.more", "l[0]", "l[-1]", "l[9]", "rows[1].a", "rows[0]['g']", "nothing.x", "nothing"),
)


def numbers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        form("{} {} {}", inner, words("+", "-", "*", "/", "//", "%"), inner),
        form("({})", inner),
        form("{} ** {}", _SMALL, words("0", "1", "2", "3", "-1")),
        form("-{}", _SMALL),
        form("{} if {} else {}", inner, booleans, inner),
        form("({}) | abs", inner),
        form("({}) | default({})", st.one_of(inner, _PATHS), _SMALL),
        form("{} | length", st.one_of(_TEXT, lists)),
        form("{} | {}", words("l", "[4, 5]", "[]"), words("sum", "min", "max", "first", "last")),
        form("{} | sum(attribute='a')", words("rows", "[]")),
    )


def texts(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    plain = words("upper", "lower", "capitalize", "title", "trim", "string", "reverse", "first")
    return st.one_of(
        form("({}) | {}", inner, plain),
        form("({}) ~ {} ~ ({})", inner, _SMALL, inner),
        form("({}) + ({})", inner, inner),
        form("({}) | replace({}, {})", inner, words("'a'", "' '", "'xyz'"), inner),
        form("{} | join({})", words("w", "l", "[]", "[1, 'a']"), inner),
        form("({})[{}:{}]", inner, words("", "0", "1", "-3"), words("", "2", "-1", "99")),
        form("({})[{}]", inner, words("0", "-1", "5")),
        form("({}) if {} else ({})", inner, booleans, inner),
        form("({}) | default({}, true)", inner, words("'d'", "s", "w[1]")),
    )


number = st.deferred(lambda: st.recursive(st.one_of(_SMALL, words("f", "2.5", "1e3")), numbers))
text = st.deferred(lambda: st.recursive(_TEXT, texts, max_leaves=4))
lists = words(
    *(
        "l",
        "w",
        "[]",
        "[1, 2, 3]",
        "l[1:]",
        "l[:-1]",
        "l + [9]",
        "rows | map(attribute='a') | list",
    ),
)
booleans = st.deferred(
    lambda: st.recursive(
        st.one_of(
            words("t", "true", "false", "nope is defined", "o.k is not defined", "nothing is none"),
            form("{} {} {}", number, words("<", "<=", ">", ">=", "==", "!="), number),
            form("{} {} {}", text, words("<", "<=", ">", ">=", "==", "!="), text),
            form("{} < {} <= {}", _SMALL, _SMALL, _SMALL),
            form("{} {} {}", _SMALL, words("in", "not in"), words("l", "[1, 7]", "[]")),
            form("({}) {} ({})", text, words("in", "not in"), text),
            form("'k' {} o", words("in", "not in")),
        ),
        lambda inner: st.one_of(
            form("{} {} {}", inner, words("and", "or"), inner), form("not {}", inner)
        ),
        max_leaves=4,
    )
)


def same(source: str) -> None:
    # Jinja's list filter is not ours: it only makes a list of Jinja's iterators.
    assert by_us(source.replace(" | list", "")) == by_jinja(source)


@_FAST
@given(number)
def test_numbers_are_like_jinjas(source):
    same(source)


@_FAST
@given(text)
def test_texts_are_like_jinjas(source):
    same(source)


@_FAST
@given(booleans)
def test_booleans_are_like_jinjas(source):
    same(source)


@_FAST
@given(
    st.one_of(
        _PATHS,
        lists,
        form("[{}, {}]", number, text),
        form("{{'a': {}, 'b': [{}]}}", number, booleans),
        form("{} | {}", words("l", "w"), words("sort", "reverse", "unique", "first", "last")),
        form("rows | sort(attribute={}) | map(attribute='a')", words("'a'", "'g'", "'nope'")),
        form("rows | {}(attribute='a')", words("min", "max", "sum", "unique")),
        form("({}) | default({})", _PATHS, _SMALL),
        form("{} {} {}", _PATHS, words("and", "or"), number),
    )
)
def test_values_are_like_jinjas(source):
    same(source)


_ANY = st.one_of(_SMALL, _TEXT, _PATHS, words("l", "w", "o", "2.5", "nothing", "[]"))
_MIXED = st.recursive(
    _ANY,
    lambda inner: st.one_of(
        form("({}) {} ({})", inner, words("+", "-", "*", "/", "//", "%", "<", ">="), inner),
        form("{} {} {}", inner, words("+", "*", "-", "and", "or", "%", "<"), inner),
        form("({}) if ({}) else ({})", inner, inner, inner),
        form("({}) | {}", inner, words("upper", "length", "first", "abs", "default(1)", "trim")),
        form("({})[{}]", inner, _ANY),
        form("[{}, {}]", inner, inner),
        form("-({})", inner),
    ),
    max_leaves=6,
)


@_FAST
@given(_MIXED)
def test_what_works_here_works_in_jinja_and_gives_the_same(source):
    found = by_us(source)
    assert found in (_FAILED, by_jinja(source))
