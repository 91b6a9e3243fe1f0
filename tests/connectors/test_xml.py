from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.xml import XmlConfig, XmlConnector
from minizaps.errors import ConnectorError

SOAP = (
    '<s:Envelope xmlns:s="http://x/" xmlns="http://y/"><s:Body s:id="1"><ok/></s:Body></s:Envelope>'
)


@pytest.fixture
def run(context: Context) -> Any:
    async def execute(action: str, **config: Any) -> dict[str, Any]:
        model = XmlConfig.model_validate({"action": action} | config)
        return await XmlConnector(model).execute(context)

    return execute


@pytest.mark.parametrize(
    ("text", "config", "document"),
    [
        ('<a id="1"><b>x</b><b/></a>', {}, {"a": {"@id": "1", "b": ["x", None]}}),
        ("<a/>", {}, {"a": None}),
        ("<a> x &amp; &#252; </a>", {}, {"a": "x & ü"}),
        ("<a><![CDATA[<b>]]></a>", {}, {"a": "<b>"}),
        ('<a id="1">x</a>', {"attribute_prefix": "$"}, {"a": {"$id": "1", "#text": "x"}}),
        ('<a id="1">x</a>', {"attributes": False}, {"a": "x"}),
        ("<a><b>x</b></a>", {"force_list": ["b"]}, {"a": {"b": ["x"]}}),
        ('\ufeff \n<?xml version="1.0" encoding="ISO-8859-1"?><a>ü</a>', {}, {"a": "ü"}),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a>x</a>', {}, {"a": "x"}),
        (SOAP, {"strip_prefixes": True}, {"Envelope": {"Body": {"@id": "1", "ok": None}}}),
        (SOAP, {}, {"s:Envelope": {"@xmlns:s": "http://x/", "@xmlns": "http://y/",
                                   "s:Body": {"@s:id": "1", "ok": None}}}),
        ("<a>" * 64 + "</a>" * 64, {"force_list": ["none"]}, ...),
    ],
)  # fmt: skip
async def test_parse(run, text: str, config: dict, document: Any) -> None:
    output = await run("parse", text=text, **config)
    assert document is ... or output == {"document": document}


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"no element found \(line 1, column 1\)"),
        ("<a>\n<b></a>", r"mismatched tag \(line 2, column 6\)"),
        ("<a/><b/>", "junk after document element"),
        ("<a>&nope;</a>", "undefined entity"),
        ('{"a": 1}', "not well-formed"),
        ("<a>\x01</a>", "not well-formed"),
        ("<a>\ud800</a>", "half a character"),
        (f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l9;</a>', "DOCTYPE defines"),
        ('<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]><a>&f;</a>', "DOCTYPE defines"),
        (
            f'<!DOCTYPE a [<!ATTLIST b c CDATA "{"x" * 9_999}">]><a>{"<b/>" * 9_999}</a>',
            "DOCTYPE defines",
        ),
        ("<a>" * 65 + "</a>" * 65, "more than 64 elements"),
        ("<a>" * 100_000 + "x" + "</a>" * 100_000, "more than 64 elements"),
        ('<a b="1">' * 100_000, "more than 64 elements"),
    ],
    ids=lambda value: ascii(value[:30]),
)
async def test_text_that_is_no_plain_xml_is_refused(run, text: str, says: str) -> None:
    with pytest.raises(ConnectorError, match=says) as failed:
        await run("parse", text=text)
    assert (failed.value.type, failed.value.retryable) == ("bad_input", False)


@pytest.mark.parametrize(
    ("document", "config", "text"),
    [
        ({"a": {"@id": 1, "b": ["x", None], "#text": "y"}}, {}, '<a id="1"><b>x</b><b/>y</a>'),
        ({"a": {"on": True, "n": 2.5, "none": []}}, {}, "<a><on>true</on><n>2.5</n></a>"),
        ({"a": {"@q": '<"&', "b": "<&>"}}, {}, "<a q='&lt;\"&amp;'><b>&lt;&amp;&gt;</b></a>"),
        ({"a": {"$x": "1"}}, {"attribute_prefix": "$"}, '<a x="1"/>'),
        ({"s:a": {"@xmlns:s": "u"}}, {}, '<s:a xmlns:s="u"/>'),
        ({"a": {"b": "x"}}, {"pretty": True}, "<a>\n  <b>x</b>\n</a>"),
    ],
)
async def test_format(run, document: dict, config: dict, text: str) -> None:
    output = await run("format", document=document, declaration=False, **config)
    assert output == {"text": text}


async def test_the_declaration_comes_first(run) -> None:
    text = (await run("format", document={"a": "ü"}))["text"]
    assert text == '<?xml version="1.0" encoding="utf-8"?>\n<a>ü</a>'
    assert (await run("parse", text=text))["document"] == {"a": "ü"}


def _deep(levels: int) -> Any:
    return {"a": _deep(levels - 1)} if levels else "x"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({}, "one key is needed"),
        ({"a": 1, "b": 2}, "one key is needed"),
        ({"a": [1]}, "is no list"),
        ({"a b": 1}, "document/a b: not a name in XML"),
        ({"a": {"1": 1}}, "document/a/1: not a name"),
        ({"a": {"": 1}}, "document/a/: not a name"),
        ({"a": {"b><c": 1}}, "not a name"),
        ({"a": {"@x y": 1}}, "document/a/@x y: not a name"),
        ({"a": {"#comment": "-->"}}, "not a name"),
        ({"a": {"@id": {"x": 1}}}, "document/a/@id: a text or a number"),
        ({"a": {"#text": [1]}}, "document/a/#text: a text or a number"),
        ({"a": {"b": [[1]]}}, "document/a/b/0: a list in a list"),
        ({"a": {"b": ["\x00"]}}, r"document/a/b/0: XML cannot hold the character '\\x00'"),
        ({"a": {"@b": "\ufffe"}}, "cannot hold the character"),
        (_deep(65), "more than 64 elements"),
    ],
    ids=lambda value: ascii(value)[:30],
)
async def test_an_object_that_xml_cannot_say_is_refused(run, document: dict, says: str) -> None:
    with pytest.raises(ConnectorError, match=says) as failed:
        await run("format", document=document)
    assert failed.value.type == "bad_input"


async def test_the_deepest_document_is_written_and_read(run) -> None:
    text = (await run("format", document=_deep(64)))["text"]
    assert (await run("parse", text=text))["document"] == _deep(64)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"action": "parse"}, "parse needs text"),
        ({"action": "format", "text": "<a/>"}, "format takes no text"),
        ({"action": "format", "document": {}, "text": ""}, "format takes no text"),
        ({"action": "parse", "text": "", "attribute_prefix": ""}, "pattern"),
        ({"action": "parse", "text": "", "attribute_prefix": "a"}, "pattern"),
    ],
)
def test_what_is_no_config_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        XmlConfig.model_validate(config)
