from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.pages import next_link
from minizaps.connectors.webhook import WebhookConfig, WebhookConnector
from minizaps.credentials.types import HttpBearer
from minizaps.errors import ConnectorError, ResponseRefused

LETTERS = list("abcdefg")


class Shop:
    """A server with seven letters, in pages of three."""

    def __init__(self) -> None:
        self.seen: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        data = await request.json() if request.can_read_body else {}
        given = {**request.query, **data}
        at = int(given.get("at", given.get("offset", 3 * (int(given.get("page", 1)) - 1))))
        following = at + 3 if at + 3 < len(LETTERS) else None
        headers = {} if following is None else {"Link": f'</x?at={following}>; rel="next"'}
        return web.json_response(
            {
                "data": {"items": LETTERS[at : at + 3]},
                "next": following,
                "url": following and f"?at={following}",
            },
            headers=headers,
        )


@pytest.fixture
def shop() -> Shop:
    return Shop()


async def send(context: Context, url: str, paginate: dict, **config: Any) -> dict[str, Any]:
    paginate = {"items": "data.items"} | paginate
    model = WebhookConfig.model_validate(
        {"method": "GET", "url": url, "paginate": paginate} | config
    )
    return await WebhookConnector(model).execute(context)


@pytest.mark.parametrize(
    ("paginate", "pages"),
    [
        ({"by": "link"}, 3),
        ({"by": "url", "next": "url"}, 3),
        ({"by": "cursor", "next": "next", "parameter": "at"}, 3),
        ({"by": "page", "parameter": "page"}, 4),
        ({"by": "page", "parameter": "page", "size": 3}, 3),
        ({"by": "offset", "parameter": "offset"}, 4),
        ({"by": "offset", "parameter": "offset", "size": 3}, 3),
    ],
    ids=lambda value: value["by"] if isinstance(value, dict) else None,
)
async def test_all_items_are_read(context, serve, shop, paginate: dict, pages: int) -> None:
    output = await send(context, await serve(shop.answer), paginate)
    assert output.pop("headers")["content-type"].startswith("application/json")
    assert output == {"status": 200, "items": LETTERS, "pages": pages, "more": False}


async def test_the_parameter_may_be_sent_in_the_body(context, serve, shop) -> None:
    paginate = {"by": "cursor", "next": "next", "parameter": "at", "place": "json"}
    output = await send(context, await serve(shop.answer), paginate, method="POST", json={"q": "x"})
    assert output["items"] == LETTERS
    assert [request.query_string for request in shop.seen] == ["", "", ""]
    keys = [request.headers["Idempotency-Key"] for request in shop.seen]
    assert keys == ["key-of-this-step", "key-of-this-step:2", "key-of-this-step:3"]


async def test_the_query_stays_where_the_parameter_is_added(context, serve, shop) -> None:
    paginate = {"by": "page", "parameter": "page", "max_pages": 2, "start": 1}
    await send(context, await serve(shop.answer) + "/?a=1", paginate, query={"b": 2})
    assert [dict(request.query) for request in shop.seen] == [
        {"a": "1", "b": "2", "page": "1"},
        {"a": "1", "b": "2", "page": "2"},
    ]


@pytest.mark.parametrize(
    ("bounds", "items", "pages", "more"),
    [
        ({"max_pages": 2}, LETTERS[:6], 2, True),
        ({"max_pages": 3}, LETTERS, 3, False),
        ({"max_items": 3}, LETTERS[:3], 1, True),
        ({"max_items": 4}, LETTERS[:4], 2, True),
        ({"max_items": 7}, LETTERS, 3, False),
        ({"max_items": 2}, LETTERS[:2], 1, True),
    ],
)
async def test_bounds(context, serve, shop, bounds: dict, items, pages, more) -> None:
    output = await send(context, await serve(shop.answer), {"by": "link"} | bounds)
    assert (output["items"], output["pages"], output["more"]) == (items, pages, more)
    assert len(shop.seen) == pages


async def test_another_host_gets_no_credentials(context, serve) -> None:
    seen: list[dict[str, str]] = []

    async def other(request: web.Request) -> web.Response:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        return web.json_response([2], headers={"Link": f"<{first}/3>; rel=next"})

    async def own(request: web.Request) -> web.Response:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        links = {"/1": f"<{elsewhere}/2>; rel=next"}
        return web.json_response(
            [int(request.path[1:])], headers={"Link": links.get(request.path, "")}
        )

    elsewhere, first = await serve(other), await serve(own)
    output = await send(
        replace(context, credential=HttpBearer(token="t")),
        f"{first}/1",
        {"by": "link", "items": ""},
        headers={"X-Api-Key": "k", "Accept": "application/json"},
    )
    assert output["items"] == [1, 2, 3]
    credentials = [(each.get("authorization"), each.get("x-api-key")) for each in seen]
    assert credentials == [("Bearer t", "k"), (None, None), ("Bearer t", "k")]
    assert {each["accept"] for each in seen} == {"application/json"}


@pytest.mark.parametrize(
    ("paginate", "body"),
    [
        ({"by": "url", "next": "next"}, {"items": [1], "next": "?same"}),
        ({"by": "cursor", "next": "next", "parameter": "c"}, {"items": [1], "next": "x"}),
    ],
)
async def test_pages_that_lead_back_are_refused(context, serve, paginate, body) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body)

    with pytest.raises(ConnectorError, match="page 3 would be one that was read") as failed:
        await send(context, await serve(answer), paginate | {"items": "items"})
    assert (failed.value.type, failed.value.retryable) == ("pagination_loop", False)


async def test_a_page_that_fails_fails_the_attempt(context, serve, shop) -> None:
    async def answer(request: web.Request) -> web.Response:
        if "at" in request.query:
            return web.Response(status=503, headers={"Retry-After": "9"})
        return await shop.answer(request)

    with pytest.raises(ConnectorError) as failed:
        await send(context, await serve(answer), {"by": "link"})
    assert (failed.value.type, failed.value.retryable) == ("http_status", True)
    assert failed.value.retry_after == 9


@pytest.mark.parametrize(
    ("body", "paginate", "says"),
    [
        ({"data": {}}, {"by": "link"}, "page 1: the body has no list at data.items"),
        ({"data": 1}, {"by": "link", "items": ""}, "page 1: the body is no list"),
        ([], {"by": "link"}, "has no list at data.items"),
        ({"i": [1], "n": {}}, {"by": "url", "next": "n", "items": "i"}, "neither text nor number"),
        ({"i": [1], "n": "http://["}, {"by": "url", "next": "n", "items": "i"}, "has no URL"),
        ("<html>", {"by": "link"}, "should be JSON"),
    ],
)
async def test_a_page_without_what_is_needed_is_refused(
    context, serve, body: Any, paginate: dict, says: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, content_type="text/html")

    with pytest.raises(ResponseRefused, match=says):
        await send(context, await serve(answer), paginate)


async def test_all_pages_together_are_bounded(context, serve) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(["x" * 3_000_000])

    paginate = {"by": "page", "parameter": "p", "items": ""}
    with pytest.raises(ConnectorError) as failed:
        await send(context, await serve(answer), paginate)
    assert failed.value.type == "output_too_large"


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ('<https://a/?p=2>; rel="next", <https://a/?p=9>; rel="last"', "https://a/?p=2"),
        ('<https://a/1>; rel="prev", <https://a/3,4>; title="a, b"; REL=next', "https://a/3,4"),
        ('</x>; rel="last next"', "/x"),
        ('</x>; rel="nextish"', None),
        ("</x>", None),
        ("", None),
    ],
)
def test_the_link_to_the_next_page(header: str, url: str | None) -> None:
    assert next_link(header) == url


@pytest.mark.parametrize("part", ["<", "<x", "<x>", "<x>;", '<x>;"', '<x>;a="b', ";a", " ", '"'])
def test_a_long_header_takes_no_longer_than_its_length(part: str) -> None:
    began = time.process_time()
    assert next_link(f"<x>{part * (30_000 // len(part))}") is None
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"paginate": {}}, "by"),
        ({"paginate": {"by": "cursor", "next": "x"}}, "cursor needs parameter"),
        ({"paginate": {"by": "url"}}, "url needs next"),
        ({"paginate": {"by": "link", "next": "x"}}, "link has no next"),
        ({"paginate": {"by": "link", "size": 3}}, "link has no size"),
        ({"paginate": {"by": "link", "max_pages": 101}}, "less than or equal to 100"),
        ({"paginate": {"by": "link"}, "method": "HEAD"}, "needs responses in JSON"),
        ({"paginate": {"by": "link"}, "response": "file"}, "needs responses in JSON"),
        (
            {"paginate": {"by": "page", "parameter": "p", "place": "json"}, "text": "x"},
            "json is an object",
        ),
    ],
)
def test_what_is_no_pagination_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        WebhookConfig.model_validate({"url": "https://a.test"} | config)
