from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.html import HtmlConfig, HtmlConnector
from minizaps.errors import ConnectorError

PAGE = """<!doctype html><html><head><title>Shop</title><style>p { color: red }</style></head>
<body><h1> Chairs
  &amp; <b>desks</b></h1>
<ul><li class="item"><a HREF="/a?x=1&amp;y=2">First</a> <i>9.50</i>
<li class="item"><a href="https://b.test/">Second</a></ul>
<input disabled value=" v "><p>One<br>two</p><table><tr><td>a<td>b</table>
<script>var x = "<p>no</p>"</script></body></html>"""


@pytest.fixture
def run(context: Context) -> Any:
    async def execute(html: str, **config: Any) -> dict[str, Any]:
        model = HtmlConfig.model_validate({"html": html} | config)
        return await HtmlConnector(model).execute(context)

    return execute


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ({"selector": "h1"}, "Chairs & desks"),
        ({"selector": "h1", "trim": False}, " Chairs\n  & desks"),
        ({"selector": "h1 b", "html": True}, "<b>desks</b>"),
        ({"selector": "a", "attribute": "href"}, "/a?x=1&y=2"),
        ({"selector": "a", "attribute": "HREF", "all": True}, ["/a?x=1&y=2", "https://b.test/"]),
        ({"selector": ".item > i", "all": True}, ["9.50"]),
        ({"selector": "li:nth-child(2) a"}, "Second"),
        ({"selector": "li:has(i) a"}, "First"),
        ({"selector": "input", "attribute": "disabled"}, ""),
        ({"selector": "input", "attribute": "value"}, "v"),
        ({"selector": "input", "attribute": "value", "trim": False}, " v "),
        ({"selector": "h3"}, None),
        ({"selector": "h3", "all": True}, []),
        ({"selector": "h1", "attribute": "id"}, None),
        ({"selector": "li", "attribute": "id", "all": True}, []),
        ({"selector": "title", "required": True}, "Shop"),
    ],
)
async def test_a_value_is_taken(run, part: dict, value: Any) -> None:
    assert await run(PAGE, extract={"it": part}) == {"values": {"it": value}}


async def test_values_are_taken_from_each_element(run) -> None:
    extract = {
        "name": {"selector": "a"},
        "url": {"selector": "a", "attribute": "href"},
        "price": {"selector": "i"},
    }
    output = await run(PAGE, each="li.item", extract=extract, base_url="https://a.test/x/")
    assert output == {
        "items": [
            {"name": "First", "url": "https://a.test/a?x=1&y=2", "price": "9.50"},
            {"name": "Second", "url": "https://b.test/", "price": None},
        ]
    }
    assert await run("", each="li", extract=extract) == {"items": []}


async def test_the_text_has_a_line_for_each_block(run) -> None:
    text = "Chairs\n& desks\nFirst 9.50\nSecond\nOne\ntwo\na b"
    assert (await run(PAGE, text=True))["text"].replace(" &", "\n&") == text
    assert await run("", text=True) == {"text": ""}


async def test_an_address_that_is_none_is_left_as_it_is(run) -> None:
    part = {"selector": "a", "attribute": "href"}
    output = await run("<a href='http://[x/'>", extract={"a": part}, base_url="https://a.test")
    assert output["values"]["a"] == "http://[x/"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"extract": {"t": {"selector": "h3", "required": True}}}, "^t: the page has not h3$"),
        (
            {"extract": {"t": {"selector": "h1", "attribute": "id", "required": True}}},
            "^t: the page has not the attribute id of h1$",
        ),
        (
            {"each": "li", "extract": {"t": {"selector": "i", "all": True, "required": True}}},
            "^items/1/t: the page has not i$",
        ),
    ],
)
async def test_what_is_required_and_missing_is_named(run, config: dict, says: str) -> None:
    with pytest.raises(ConnectorError, match=says) as failed:
        await run(PAGE, **config)
    assert (failed.value.type, failed.value.retryable) == ("not_found", False)


MANY = "<p>x</p>" * 100_000


@pytest.mark.parametrize(
    ("html", "config", "kind", "says"),
    [
        ("<div>" * 100_000, {"text": True}, "bad_input", "more than 500 elements in each other"),
        ("<b></i>" * 100_000, {"text": True}, "bad_input", "more than 500 elements"),
        (MANY, {"extract": {"a": {"selector": "p:nth-child(2n)"}}}, "bad_input", "too long on"),
        (MANY, {"each": "body:has(p ~ b)", "extract": {"a": {"selector": "p"}}}, "bad_input",
         "^each: body:has.* too long on 100,000 elements"),
        ("<div>" * 400 + "x" * 50_000,
         {"extract": {"a": {"selector": "div", "all": True}}}, "output_too_large", "more than"),
    ],
    ids=["deep", "unclosed", "nth", "has", "nested texts"],
)  # fmt: skip
async def test_what_would_take_too_much_is_refused_at_once(
    run, html: str, config: dict, kind: str, says: str
) -> None:
    began = time.thread_time()
    with pytest.raises(ConnectorError, match=says) as failed:
        await run(html, **config)
    assert failed.value.type == kind
    assert time.thread_time() - began < 1


async def test_a_large_flat_page_is_read(run) -> None:
    output = await run(MANY, extract={"all": {"selector": "body > p", "all": True}})
    assert len(output["values"]["all"]) == 100_000


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "set extract, or text"),
        ({"extract": {}}, "at least 1"),
        ({"text": True, "each": "p"}, "each needs extract"),
        ({"extract": {"a": {}}}, "Field required"),
        ({"extract": {"a": {"selector": "p["}}}, "not a CSS selector"),
        ({"extract": {"a": {"selector": "p::text"}}}, "not a CSS selector"),
        ({"extract": {"a": {"selector": ""}}}, "at least 1"),
        ({"extract": {"a": {"selector": "p", "html": True, "attribute": "x"}}}, "at most one"),
    ],
    ids=ascii,
)
def test_what_is_no_config_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        HtmlConfig.model_validate({"html": ""} | config)


def test_a_selector_may_have_an_expression() -> None:
    config = {"html": "", "extract": {"a": {"selector": "#row-{{ trigger.body.id }}"}}}
    assert HtmlConfig.model_validate(config).extract
