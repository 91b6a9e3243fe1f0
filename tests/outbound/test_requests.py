"""What is sent, and what is refused before it is sent."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from minizaps.connectors.outbound import HttpClient
from minizaps.errors import AttemptTimedOut, ConnectorError, NetworkFailed

from .conftest import LOOPBACK, Names


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": await request.text(),
        },
        headers=[("X-Two", "a"), ("X-Two", "b")],
    )


async def test_a_request_arrives_as_it_was_given(client: HttpClient, serve) -> None:
    base = await serve(echo)
    response = await client.request(
        "POST",
        f"{base}/a b?x=1#part",
        headers={"X-Key": "secret", "Content-Type": "text/plain"},
        query={"y": "ä&=", "z": ["1", 2, 2.5]},
        body=b"hello",
    )
    assert response.status == 200
    assert response.headers["x-two"] == "a, b"
    seen = json.loads(response.body)
    assert seen["method"] == "POST"
    assert seen["path"] == "/a%20b?x=1&y=%C3%A4%26%3D&z=1&z=2&z=2.5"
    assert seen["body"] == "hello"
    assert seen["headers"]["x-key"] == "secret"
    assert seen["headers"]["user-agent"] == "Mini-Zaps"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "PUT", "PATCH", "POST"])
async def test_every_method_works_without_a_body(client: HttpClient, serve, method: str) -> None:
    response = await client.request(method, await serve(echo))
    assert response.status == 200
    assert (response.body == b"") == (method == "HEAD")


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET\r\nX: y"},
        {"method": "G T"},
        {"method": ""},
        {"url": "http://127.0.0.1/\r\nX: y"},
        {"url": "http://127.0.0.1/\x00"},
        {"url": "http://127.0.0.1\t/"},
        {"url": "http://127.0.0.1/\ud800"},
        {"url": "http://user:password@127.0.0.1/"},
        {"url": "ftp://127.0.0.1/"},
        {"url": "file:///etc/passwd"},
        {"url": "gopher://127.0.0.1/"},
        {"url": "127.0.0.1/path"},
        {"url": "//127.0.0.1/path"},
        {"url": "http:///path"},
        {"url": "http://"},
        {"url": ""},
        {"url": "http://[::1"},
        {"url": "http://127.0.0.1:99999/"},
        {"url": "http://127.0.0.1:port/"},
        {"query": {"x": float("nan")}},
        {"query": {"x": None}},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"X": "a\nY: b"}},
        {"headers": {"X": "a\x00b"}},
        {"headers": {"X": "\ud800"}},
        {"headers": {"X\r\nY": "a"}},
        {"headers": {"X Y": "a"}},
        {"headers": {"X:": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"Host": "other.test"}},
        {"headers": {"content-length": "5"}},
        {"headers": {"TRANSFER-ENCODING": "chunked"}},
        {"headers": {"Connection": "X-Key"}},
    ],
    ids=ascii,
)
async def test_what_cannot_be_sent_is_refused(client: HttpClient, request_: dict) -> None:
    request = {"method": "GET", "url": "http://127.0.0.1:1/", "headers": None, **request_}
    with pytest.raises(ConnectorError) as refused:
        await client.request(**request)
    assert refused.value.type == "bad_request"
    assert not refused.value.retryable


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_long_body_arrives_whole(client: HttpClient, serve, method: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        return web.Response(text=f"{request.content_length} {size}")

    response = await client.request(method, await serve(handler), body=bytes(3 * 2**20))
    assert response.body == b"3145728 3145728"


async def test_connections_are_kept_and_shared(client: HttpClient, serve) -> None:
    peers = set()

    async def handler(request):
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(text="ok")

    base = await serve(handler)
    for _ in range(5):
        await client.request("POST", base, body=b"x")
    assert len(peers) == 1


async def test_hundreds_of_requests_at_once(client: HttpClient, serve) -> None:
    base = await serve(echo)
    responses = await asyncio.gather(*(client.request("GET", base) for _ in range(200)))
    assert {response.status for response in responses} == {200}


async def test_cookies_are_not_kept(client: HttpClient, serve) -> None:
    cookies = []

    async def handler(request):
        cookies.append(dict(request.cookies))
        return web.Response(headers={"Set-Cookie": "session=1"})

    base = await serve(handler)
    await client.request("GET", base)
    await client.request("GET", base)
    assert cookies == [{}, {}]


async def test_proxy_variables_are_ignored(
    client: HttpClient, serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await client.request("GET", await serve(echo))).status == 200


async def test_a_refused_connection_may_be_tried_again(client: HttpClient) -> None:
    with pytest.raises(NetworkFailed, match=r"^127.0.0.1:1: connection refused$") as failed:
        await client.request("GET", "http://127.0.0.1:1/")
    assert failed.value.retryable


async def test_an_unknown_name_may_be_tried_again(client: HttpClient) -> None:
    for host in ("no-such-name.invalid", "a..b", "a" * 70, "exa mple"):
        with pytest.raises(NetworkFailed) as failed:
            await client.request("GET", f"http://{host}/", timeout=10)
        assert failed.value.retryable


async def test_a_name_without_an_address_may_be_tried_again() -> None:
    async with HttpClient(resolver=Names(empty_test=[[]])) as client:
        with pytest.raises(NetworkFailed, match="has no address"):
            await client.request("GET", "http://empty.test/")


async def test_the_limit_of_connections_to_a_host_counts_in_the_timeout(serve) -> None:
    release = asyncio.Event()

    async def handler(request):
        await release.wait()
        return web.Response()

    base = await serve(handler)
    async with HttpClient(allow_networks=LOOPBACK, connections_per_host=1) as client:
        first = asyncio.create_task(client.request("GET", base))
        await asyncio.sleep(0.05)
        with pytest.raises(AttemptTimedOut):
            await client.request("GET", base, timeout=0.1)
        release.set()
        assert (await first).status == 200
