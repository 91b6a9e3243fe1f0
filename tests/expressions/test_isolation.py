"""An expression reaches nothing but the JSON in its scope, and changes nothing."""

import contextlib
import copy

import pytest

from minizaps.definition.expressions import compile_template
from minizaps.definition.expressions.filters import FILTERS
from minizaps.errors import ExpressionError, ExpressionSyntaxError

SCOPE = {"x": {"a": [1, 2]}, "s": "text", "items": [3, 1, 2], "n": 5, "$now": "2026-01-01"}


class Secret:
    """A value that should never be in a scope."""

    secret = "leaked"

    def __getitem__(self, key):
        raise LookupError(key)


ATTEMPTS = [
    "''.__class__",
    "''.__class__.__mro__[1].__subclasses__()",
    "x.__globals__",
    "x.__class__",
    "x['__class__']",
    "x.get",
    "x.items.pop",
    "items.pop",
    "items.append(4)",
    "items.sort()",
    "s.format",
    "s.format(n)",
    "s.upper()",
    "'{0.__class__}'.format(s)",
    "s['upper']",
    "n.real",
    "n.to_bytes",
    "true.real",
    "none.__class__",
    "[].__class__",
    "{}.update({'a': 1})",
    "x | attr('__class__')",
    "x | map('__class__') | first",
    "[s] | map('__class__')",
    "[s] | map(attribute='upper')",
    "[x] | sort('__len__')",
    "'%s' % x",
    "now.__call__",
    "now.__globals__",
    "self.__init__",
    "cycler.__init__.__globals__",
    "lipsum()",
    "range(9)",
    "dict()",
    "namespace(a=1)",
    "__builtins__",
    "__import__('os')",
    "import os",
    "lambda: 1",
    "x := 1",
    "n = 1",
    "[i for i in items]",
    "x.a[0] = 5",
    "f'{n}'",
    "$now",
    "this['$now']",
    "o.secret",
    "o.__class__",
    "o['__class__']",
    "[o]",
    "o ~ ''",
    "o | json",
    "o | string",
    "o | length",
    "[o] | map('secret')",
]


@pytest.mark.parametrize("expression", ATTEMPTS)
def test_python_is_out_of_reach(expression):
    scope = {**copy.deepcopy(SCOPE), "o": Secret()}
    with pytest.raises((ExpressionError, ExpressionSyntaxError)) as caught:
        compile_template("{{ " + expression + " }}").render(scope)
    assert "leaked" not in str(caught.value)


@pytest.mark.parametrize(
    "expression",
    [
        "items | sort",
        "items | reverse",
        "items | unique",
        "items + [4]",
        "items[:]",
        "items | take(2)",
        "x.a | map('b', 1)",
        "x | items",
        "[x, x] | sort('a.0')",
        "x | default({})",
        "{'x': x, 'y': [items]}",
    ],
)
def test_the_scope_is_never_changed(expression):
    scope = copy.deepcopy(SCOPE)
    value = compile_template("{{ " + expression + " }}").render(scope)
    assert scope == SCOPE
    assert type(value) in (list, dict)


@pytest.mark.parametrize(
    "expression", ["items | sort", "items[:]", "items + []", "items | take(9)"]
)
def test_a_new_list_is_another_one(expression):
    value = compile_template("{{ " + expression + " }}").render(SCOPE)
    assert value is not SCOPE["items"]


def test_data_is_never_evaluated():
    scope = {"a": "{{ b }}", "b": "{{ a }}", "f": "upper", "p": "a.b"}
    assert compile_template("{{ a }}").render(scope) == "{{ b }}"
    assert compile_template("{{ a }}{{ b }}").render(scope) == "{{ b }}{{ a }}"
    assert compile_template("{{ '{{ a }}' ~ b }}").render(scope) == "{{ a }}{{ a }}"


_ODD = ["\ud800", float("nan"), float("inf"), 10**5000, (1, 2), b"x", {1: 2}, Secret(), [Secret()]]


@pytest.mark.parametrize("name", list(FILTERS))
@pytest.mark.parametrize("odd", _ODD, ids=lambda odd: type(odd).__name__)
def test_values_that_are_no_json_do_no_harm(name, odd):
    scope = {"o": odd, "s": "text"}
    arguments = ["'x'"] * FILTERS[name].required
    odd_arguments = ["o"] * len(FILTERS[name].parameters)
    for source in (
        f"{{{{ o | {name}({', '.join(arguments)}) }}}}",
        f"{{{{ [o] | {name}({', '.join(arguments)}) }}}}",
        f"{{{{ s | {name}({', '.join(odd_arguments)}) }}}}",
        f"{{{{ [s, o] | {name}({', '.join(odd_arguments)}) }}}}",
        f"{{{{ [o ~ o, o + o, o < o, o in o, o == o, -o, o[o], o[:o]] | {name} }}}}",
        "{{ o }}!",
        "{{ o < 1 }}",
        "{{ o ** 2 }}",
        "{{ 1.5 + o }}",
    ):
        with contextlib.suppress(ExpressionError, ExpressionSyntaxError):
            compile_template(source).render(scope)
