from __future__ import annotations

import time
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.rss import RssConfig, RssConnector
from minizaps.errors import ConnectorError


def rss(items: str) -> str:
    return f'<rss version="2.0"><channel><title>T</title>{items}</channel></rss>'


ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<link href="/"/><entry><id>urn:1</id><title type="html">A &amp;amp; B</title><link href="/1"/>
<published>2024-02-01T10:00:00+02:00</published><updated>2024-02-02T00:00:00Z</updated>
<author><name>Ada</name></author><category term="x"/><category term="y"/>
<summary>short</summary><content type="html">&lt;p onclick="x()"&gt;&lt;a href="/b"&gt;b&lt;/a&gt;
&lt;script&gt;alert(1)&lt;/script&gt;&lt;/p&gt;</content></entry></feed>"""
RSS2 = rss(
    "<link>https://a.test/</link><item><title>One</title><link>https://a.test/1</link>"
    "<guid isPermaLink='false'>g1</guid><pubDate>Tue, 06 Feb 2024 10:00:00 +0100</pubDate>"
    "<description>d</description><enclosure url='https://a.test/1.mp3' type='audio/mpeg' "
    "length='123'/></item><item><link>https://a.test/2</link></item><item><title>x</title></item>"
)
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="https://a.test/"><title>R</title></channel>
<item rdf:about="https://a.test/1"><title>One</title><dc:date>2024-02-01</dc:date></item></rdf:RDF>
"""
RSS091 = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://127.0.0.1/no.dtd">
<rss version="0.91"><channel><title>Gr\xfc\xdfe</title>
<item><title>One</title></item></channel></rss>
"""


@pytest.fixture
def read(context: Context, serve: Any) -> Any:
    async def execute(body: str | bytes, kind: str = "text/xml", **config: Any) -> Any:
        async def answer(request: web.Request) -> web.Response:
            raw = body.encode() if isinstance(body, str) else body
            return web.Response(body=raw, headers={"Content-Type": kind})

        url = await serve(answer) + "/feeds/all"
        output = await RssConnector(RssConfig(url=url, **config)).execute(context)
        return output, url.removesuffix("/feeds/all")

    return execute


async def test_atom(read) -> None:
    output, base = await read(ATOM, "application/atom+xml")
    content = output["items"][0].pop("content")
    assert output == {
        "title": "News",
        "link": f"{base}/",
        "items": [
            {
                "id": "urn:1",
                "title": "A &amp; B",
                "link": f"{base}/1",
                "summary": "short",
                "published_at": "2024-02-01T08:00:00Z",
                "updated_at": "2024-02-02T00:00:00Z",
                "author": "Ada",
                "categories": ["x", "y"],
                "enclosures": [],
            }
        ],
        "etag": None,
        "last_modified": None,
        "not_modified": False,
    }
    assert f'<a href="{base}/b">b</a>' in content
    assert "script" not in content
    assert "onclick" not in content


async def test_rss_2(read) -> None:
    output, _ = await read(RSS2)
    first, second, third = output["items"]
    assert (output["title"], output["link"]) == ("T", "https://a.test/")
    assert (first["id"], first["published_at"]) == ("g1", "2024-02-06T09:00:00Z")
    assert (first["summary"], first["updated_at"], first["content"]) == ("d", None, None)
    assert first["enclosures"] == [
        {"url": "https://a.test/1.mp3", "type": "audio/mpeg", "length": 123}
    ]
    assert second["id"] == "https://a.test/2"
    assert third["id"].startswith("sha256:")


async def test_ids_are_the_same_each_time(read) -> None:
    ids = [[item["id"] for item in (await read(RSS2))[0]["items"]] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


async def test_rdf(read) -> None:
    output, _ = await read(RDF, "application/rdf+xml")
    assert output["title"] == "R"
    assert output["items"][0]["id"] == "https://a.test/1"
    assert output["items"][0]["updated_at"] == "2024-02-01T00:00:00Z"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (RSS091.encode("latin-1"), "application/xml"),
        (RSS091.encode("latin-1"), "text/xml; charset=iso-8859-1"),
        (RSS091.encode(), "text/xml; charset=utf-8"),
        (b"\xef\xbb\xbf" + RSS091.encode(), "application/xml"),
        (RSS091.encode("utf-16"), "application/xml"),
        (b"\n " + RSS091.encode("latin-1"), "text/html"),
    ],
)
async def test_encodings(read, body: bytes, kind: str) -> None:
    output, _ = await read(body, kind)
    assert output["title"] == "Grüße"
    assert output["items"][0]["title"] == "One"


async def test_a_feed_that_is_not_well_formed_is_read_all_the_same(read) -> None:
    output, _ = await read(rss("<item><title>Q&A &nbsp;<b>x</title><guid>a:1</guid></item>"))
    assert output["items"][0]["id"] == "a:1"
    assert output["items"][0]["title"].startswith("Q&")


async def test_the_first_items_are_taken(read) -> None:
    body = rss("".join(f"<item><guid>urn:{n}</guid></item>" for n in range(150)))
    assert len((await read(body))[0]["items"]) == 100
    assert [item["id"] for item in (await read(body, limit=2))[0]["items"]] == ["urn:0", "urn:1"]


@pytest.mark.parametrize(
    "body", ["", "<!doctype html><html><p>Login</html>", '{"a": 1}', "<a/>", "x" * 200_000]
)
async def test_what_is_no_feed_is_an_error(read, body: str) -> None:
    with pytest.raises(ConnectorError, match="is neither RSS nor Atom") as failed:
        await read(body)
    assert (failed.value.type, failed.value.retryable) == ("not_a_feed", False)


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
LONG = "x" * 50_000


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (rss("<a>" * 9_999 + "</a>" * 9_999), "more than 64 elements in each other"),
        (rss("<item/>" * 200_000), "more than 200,000 elements"),
        (rss("x" * 6_000_000), "5,242,880 are read"),
        (rss("<item>&nbsp;</item>" * 10_000), "not well-formed"),
        (rss(f"<item><description><![CDATA[{'<!--' * 99_999}]]></description></item>"),
         "comments that do not end"),
        (rss(f"<item><description>{'&lt;!--' * 99_999}</description></item>"),
         "comments that do not end"),
    ],
    ids=["deep", "elements", "long", "broken", "comments", "escaped comments"],
)  # fmt: skip
async def test_what_would_take_too_long_is_refused_at_once(read, body: str, says: str) -> None:
    began = time.process_time()
    with pytest.raises(ConnectorError, match=says) as failed:
        await read(body)
    assert failed.value.type == "bad_input"
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "head",
    [
        f'<!DOCTYPE rss [<!ENTITY l0 "ha">{LAUGHS}]>',
        f'<!DOCTYPE rss [<!ENTITY l9 "{LONG}">]>',
        '<!DOCTYPE rss [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
        "<?xml version='1.0' encoding='punycode'?>",
    ],
    ids=["laughs", "long", "file", "codec"],
)
async def test_entities_of_its_own_are_not_expanded(read, head: str) -> None:
    output, _ = await read(f"{head}{rss('<item><title>&l9;</title></item>' * 50)}")
    assert {item["title"] for item in output["items"]} <= {"&l9;", "&amp;l9;", ""}


async def test_a_feed_that_has_not_changed_has_no_items(context, serve) -> None:
    validators = {"ETag": '"v1"', "Last-Modified": "Tue, 06 Feb 2024 09:00:00 GMT"}

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == '"v1"':
            assert request.headers["If-Modified-Since"] == validators["Last-Modified"]
            return web.Response(status=304, headers={"ETag": '"v1"'})
        assert request.headers["Accept"].startswith("application/atom+xml")
        return web.Response(text=RSS2, headers=validators)

    url = await serve(answer)
    first = await RssConnector(RssConfig(url=url)).execute(context)
    known = {"etag": first["etag"], "last_modified": first["last_modified"]}
    assert known == {"etag": '"v1"', "last_modified": validators["Last-Modified"]}
    assert not first["not_modified"]
    second = await RssConnector(RssConfig(url=url, **known)).execute(context)
    assert second == {"title": None, "link": None, "items": [], "not_modified": True} | known


async def test_a_bad_status_is_an_error_like_a_webhook_s(context, serve) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "7"})

    with pytest.raises(ConnectorError) as failed:
        await RssConnector(RssConfig(url=await serve(answer))).execute(context)
    assert (failed.value.type, failed.value.retryable) == ("http_status", True)
    assert failed.value.retry_after == 7


@pytest.mark.parametrize("config", [{}, {"url": "x", "limit": 0}, {"url": "x", "timeout": 0}])
def test_what_is_no_config_is_refused(config: dict) -> None:
    with pytest.raises(ValidationError):
        RssConfig.model_validate(config)
