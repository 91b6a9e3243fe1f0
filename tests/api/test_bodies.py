"""Request bodies over real sockets: too large, too slow, too deep, cut off, badly framed."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.conftest import Live
from tests.api.support import API, JSON, definition

MIB = 2**20
VALIDATE = f"{API}/workflows/validate"


@pytest.fixture
def client(live: Live) -> Iterator[httpx.Client]:
    """A client of the running server, which answers as well as before at the end."""
    with live.client() as client:
        yield client
        assert client.get("/health/ready").status_code == 200
        assert client.post(VALIDATE, json=definition()).status_code == 200


def places(live: Live) -> list[str]:
    return [VALIDATE, live.hook.removeprefix(live.url)]


def talk(live: Live, *parts: bytes, pause: float = 0, wait: float = 10) -> bytes:
    """What the server says to these bytes until it closes the connection or falls silent."""
    said = b""
    with socket.create_connection(("127.0.0.1", live.port), timeout=wait) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while more := connection.recv(65536):
                said += more
                if b"\r\n\r\n" in said and said.rstrip().endswith(b"}"):
                    break
        except (TimeoutError, ConnectionError):
            pass
    return said


def head(live: Live, path: str, *lines: str, method: str = "POST") -> bytes:
    own = [f"{method} {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {live.key}"]
    return "\r\n".join([*own, "Content-Type: application/json", *lines, "", ""]).encode("latin-1")


def status(said: bytes) -> int:
    assert said.startswith(b"HTTP/1.1 "), said[:100]
    return int(said[9:12])


@pytest.mark.parametrize("size", [MIB + 1, 10 * MIB])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_413(
    live: Live, client: httpx.Client, size: int, announced: bool
) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(size // 65536 + 1):
            yield b" " * 65536

    for path in places(live):
        content: Any = b" " * size if announced else chunks()
        try:
            answer = client.post(path, content=content, headers=JSON)
        except httpx.WriteError:  # the server has answered and closed before it had read all
            continue
        assert answer.status_code == 413
        assert answer.json()["detail"] == "a request body has 1048576 bytes at most"


def test_a_body_of_the_limit_is_read(live: Live, client: httpx.Client) -> None:
    text = json.dumps({"x": ""})[:-2].encode() + b"y" * (MIB - 9) + b'"}'
    assert len(text) == MIB
    hook = places(live)[1]
    assert client.post(hook, content=text, headers=JSON).status_code == 202
    assert client.post(hook, content=text + b" ", headers=JSON).status_code == 413


def test_a_refused_large_body_is_not_read_to_its_end(live: Live) -> None:
    said = talk(live, head(live, VALIDATE, f"Content-Length: {10**12}"))
    assert status(said) == 413


@pytest.mark.parametrize("depth", [65, 1_000, 100_000])
@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_deep_json_is_400(live: Live, client: httpx.Client, depth: int, bracket: str) -> None:
    for path in places(live):
        answer = client.post(path, content=bracket * depth, headers=JSON)
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: x"],
        ["Content-Length: -1"],
        ["Content-Length: 1_0"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip"],
        ["Content-Length: " + "9" * 100],
        ["Bad Header: x"],
        [": x"],
        ["X: a\x00b"],
    ],
    ids=lambda lines: lines[0][:30],
)
def test_a_badly_framed_request_is_refused(
    live: Live, client: httpx.Client, lines: list[str]
) -> None:
    said = talk(live, head(live, VALIDATE, *lines), b"hello", wait=2)
    assert status(said) in (400, 413)


def test_a_body_shorter_than_announced_is_no_request(live: Live, client: httpx.Client) -> None:
    hook = places(live)[1]
    before = len(client.get(f"{API}/runs", params={"limit": 200}).json()["items"])
    said = talk(live, head(live, hook, "Content-Length: 10"), b"{}", wait=0.3)
    assert said == b""
    after = client.get(f"{API}/runs", params={"limit": 200}).json()["items"]
    assert len(after) == before


def test_what_follows_the_announced_body_is_another_request(live: Live) -> None:
    good = json.dumps(definition()).encode()
    first = head(live, VALIDATE, f"Content-Length: {len(good)}") + good
    assert status(talk(live, first, b"garbage\r\n\r\n", pause=0.2, wait=2)) == 200


def test_a_slow_body_holds_up_nobody_else(live: Live, client: httpx.Client) -> None:
    body = json.dumps(definition()).encode()
    slow = socket.create_connection(("127.0.0.1", live.port), timeout=10)
    with slow:
        slow.sendall(head(live, VALIDATE, f"Content-Length: {len(body)}"))
        for byte in body[:20]:
            slow.sendall(bytes([byte]))
            assert client.get("/health/live").elapsed.total_seconds() < 1
        slow.sendall(body[20:])
        assert status(slow.recv(65536)) == 200


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b"", "application/x-www-form-urlencoded", 202),
        (b"", "text/plain", 202),
        (b"", None, 202),
        (b"{}", None, 202),
        (b"{}", "application/json; charset=utf-8", 202),
        (b"{}", "APPLICATION/JSON", 202),
        (b"{}", "text/plain", 415),
        (b"{}", "application/jsonx", 415),
        (b"{}", "application/json-seq", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"{}", "", 415),
        (b"\xef\xbb\xbf{}", "application/json", 400),
    ],
)
def test_a_content_type_matters_where_there_is_content(
    live: Live, client: httpx.Client, content: bytes, kind: str | None, expected: int
) -> None:
    lines = [f"Content-Length: {len(content)}", *([] if kind is None else [f"X-Type: {kind}"])]
    raw = head(live, f"{API}/workflows/hello/runs", *lines)
    raw = raw.replace(b"Content-Type: application/json\r\n", b"")
    raw = raw.replace(b"X-Type", b"Content-Type")
    assert status(talk(live, raw, content, wait=5)) == expected


@pytest.mark.parametrize(
    "target", ["/%ff", "/%00", "/a%2fb", "//x", "/../x", "/hooks/%ff?%ff", "/?a=%ff&%00"]
)
def test_odd_targets_are_not_found(live: Live, client: httpx.Client, target: str) -> None:
    for path in (target, f"{API}/runs{target}", f"{API}/workflows{target}/versions"):
        said = talk(live, head(live, path, method="GET"), wait=5)
        assert status(said) in (404, 400, 405)


@pytest.mark.parametrize("raw", [b"\xff", b"\x00", b"GET", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 9])
def test_what_is_no_http_is_refused(live: Live, client: httpx.Client, raw: bytes) -> None:
    said = talk(live, raw + b"\r\n\r\n", wait=1)
    assert said == b"" or status(said) == 400


def test_a_flood_of_headers_is_refused(live: Live, client: httpx.Client) -> None:
    flood = [b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(2000)]
    said = talk(live, head(live, "/health/live", method="GET")[:-2], *flood, b"\r\n", wait=5)
    # The server closes while the flood still comes, so that its answer may be lost on the way.
    assert said == b"" or status(said) == 400
