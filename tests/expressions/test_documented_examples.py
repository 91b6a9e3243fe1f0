"""Every example in docs/expressions.md gives what the page says, and every filter has one."""

import json
import re
from pathlib import Path

import pytest

from minizaps.definition.expressions import compile_template
from minizaps.definition.expressions.filters import FILTERS

from .support import NOW

_PAGE = (Path(__file__).parents[2] / "docs" / "expressions.md").read_text()
_DATA = {
    **json.loads(re.search(r"use this data:\n\n```json\n(.*?)```", _PAGE, re.DOTALL).group(1)),
    "$now": NOW,
}


def _examples():
    header = ""
    for line in _PAGE.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if line.startswith(("| string |", "| expression |")):
            header = cells[0]
        elif line.startswith("| `") and header:
            source = cells[0].strip("`").replace("\\|", "|")
            wrapped = source if header == "string" else "{{ " + source + " }}"
            yield pytest.param(wrapped, cells[1].strip("`"), id=source)
        elif not line.startswith("|"):
            header = ""


@pytest.mark.parametrize(("source", "result"), list(_examples()))
def test_the_example_gives_its_result(source, result):
    value = compile_template(source).render(_DATA)
    expected = json.loads(result)
    assert value == expected
    assert json.dumps(value) == json.dumps(expected)


@pytest.mark.parametrize("name", list(FILTERS))
def test_every_filter_is_in_the_page(name):
    assert re.search(rf"\| {name}\b|`{name}`", _PAGE), f"docs/expressions.md has no {name}"
