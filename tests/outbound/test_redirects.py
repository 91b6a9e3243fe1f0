"""Redirects: each hop is checked again, and secrets stay with their origin."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from minizaps.connectors.outbound import HttpClient
from minizaps.errors import AddressRefused, ConnectorError, ResponseRefused

from .conftest import LOOPBACK, Names
from .test_requests import echo

SECRETS = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k", "Accept": "text/plain"}


def redirect(to: str, status: int = 302):
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/end":
            return await echo(request)
        await request.read()
        return web.Response(status=status, headers={"Location": to})

    return handler


@pytest.mark.parametrize(
    ("status", "method", "method_after"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "DELETE", "GET"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (308, "PATCH", "PATCH"),
    ],
)
async def test_methods_change_as_in_browsers(
    client: HttpClient, serve, status: int, method: str, method_after: str
) -> None:
    base = await serve(redirect("/end", status))
    response = await client.request(
        method, base, body=b"hello", headers={"Content-Type": "text/x", "X-Api-Key": "k"}
    )
    seen = json.loads(response.body)
    kept = method == method_after
    assert seen["method"] == method_after
    assert seen["body"] == ("hello" if kept else "")
    assert seen["headers"].get("content-type") == ("text/x" if kept else None)
    assert seen["headers"]["x-api-key"] == "k"
    assert response.url == f"{base}/end"


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://internal.test/",
        "//10.0.0.1/",
    ],
)
@pytest.mark.parametrize("status", [301, 307])
async def test_each_redirect_is_checked_again(serve, location: str, status: int) -> None:
    base = await serve(redirect(location, status))
    names = Names(internal_test=[["192.168.0.1"]])
    async with HttpClient(allow_networks=LOOPBACK, resolver=names) as client:
        with pytest.raises(AddressRefused):
            await client.request("POST", base, body=b"x", timeout=5)


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "javascript:alert(1)",
        "http://a@127.0.0.1/",
        "http://[::1",
        "http://x:99999/",
        "http://",
        "http:///",
    ],
)
async def test_a_redirect_to_what_is_no_web_address_is_refused(
    client: HttpClient, serve, location: str
) -> None:
    base = await serve(redirect(location))
    with pytest.raises(ConnectorError) as refused:
        await client.request("GET", base, timeout=5)
    assert not refused.value.retryable


async def test_another_origin_gets_no_secrets(client: HttpClient, serve) -> None:
    elsewhere = await serve(echo)
    base = await serve(redirect(f"{elsewhere}/end", 307))
    response = await client.request("POST", base, headers=SECRETS, body=b"x")
    seen = json.loads(response.body)["headers"]
    assert not {"authorization", "cookie", "x-api-key"} & seen.keys()
    assert seen["accept"] == "text/plain"


async def test_the_same_origin_gets_all_headers(client: HttpClient, serve) -> None:
    response = await client.request("GET", await serve(redirect("end")), headers=SECRETS)
    seen = json.loads(response.body)["headers"]
    assert {name.lower(): value for name, value in SECRETS.items()}.items() <= seen.items()


async def test_redirects_end(client: HttpClient, serve) -> None:
    base = await serve(redirect("/again"))
    with pytest.raises(ResponseRefused, match="more than 5 redirects"):
        await client.request("GET", base)


async def test_a_chain_of_just_the_limit_is_followed(client: HttpClient, serve) -> None:
    async def handler(request):
        count = int(request.path[1:])
        if count == 0:
            return web.Response(text="end")
        raise web.HTTPFound(f"/{count - 1}")

    base = await serve(handler)
    assert (await client.request("GET", f"{base}/5")).body == b"end"
    with pytest.raises(ResponseRefused):
        await client.request("GET", f"{base}/6")


async def test_without_redirects_the_redirect_is_the_response(client: HttpClient, serve) -> None:
    response = await client.request("GET", await serve(redirect("/end")), max_redirects=0)
    assert response.status == 302
    assert response.headers["location"] == "/end"


async def test_a_redirect_to_nowhere_is_the_response(client: HttpClient, talk) -> None:
    base = await talk(b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nhi")
    response = await client.request("GET", base)
    assert (response.status, response.body) == (302, b"hi")
