"""Responses that are slow, endless, too long, broken or lies."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
import zlib

import pytest
from aiohttp import web

from minizaps.connectors.outbound import HttpClient
from minizaps.errors import AttemptTimedOut, NetworkFailed, ResponseRefused

HEAD = b"HTTP/1.1 200 OK\r\n"


async def drip(reader, writer) -> None:
    writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def drip_head(reader, writer) -> None:
    for byte in HEAD + b"X-Slow: yes\r\n" * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def silence(reader, writer) -> None:
    await reader.read()


async def interim_for_ever(reader, writer) -> None:
    while True:
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("speech", [drip, drip_head, silence, interim_for_ever])
async def test_the_timeout_holds_over_everything(client: HttpClient, talk, speech) -> None:
    started = time.monotonic()
    with pytest.raises(AttemptTimedOut) as timed_out:
        await client.request("GET", await talk(speech), timeout=0.3)
    assert timed_out.value.retryable
    assert time.monotonic() - started < 2


async def test_the_timeout_holds_over_all_redirects_together(client: HttpClient, serve) -> None:
    async def handler(request):
        await asyncio.sleep(0.15)
        raise web.HTTPFound("/again")

    with pytest.raises(AttemptTimedOut):
        await client.request("GET", await serve(handler), timeout=0.3)


async def test_cancelling_is_not_a_timeout(client: HttpClient, talk) -> None:
    task = asyncio.create_task(client.request("GET", await talk(silence), timeout=30))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def endless(reader, writer) -> None:
    writer.write(HEAD + b"\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()
        await asyncio.sleep(0)


async def endless_chunks(reader, writer) -> None:
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def endless_gzip(reader, writer) -> None:
    writer.write(HEAD + b"Content-Encoding: gzip\r\n\r\n")
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    while True:
        writer.write(squeeze.compress(bytes(2**20)))
        await writer.drain()
        await asyncio.sleep(0)


@pytest.mark.parametrize("speech", [endless, endless_chunks, endless_gzip])
async def test_an_endless_body_is_refused(client: HttpClient, talk, speech) -> None:
    with pytest.raises(ResponseRefused, match="longer than 100,000 bytes") as refused:
        await client.request("GET", await talk(speech), timeout=10)
    assert not refused.value.retryable


def encoded(encoding: str, body: bytes) -> bytes:
    head = f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return HEAD + head.encode() + body


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
async def test_a_bomb_stops_early(client: HttpClient, talk, encoding: str, compress) -> None:
    base = await talk(encoded(encoding, compress(bytes(200 * 2**20))))
    tracemalloc.start()
    try:
        with pytest.raises(ResponseRefused, match="longer than"):
            await client.request("GET", base, timeout=10)
        assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)],
)
async def test_a_body_is_decompressed(client: HttpClient, talk, encoding: str, compress) -> None:
    base = await talk(encoded(encoding, compress(b"hello" * 1000)))
    assert (await client.request("GET", base)).body == b"hello" * 1000


async def test_a_body_of_just_the_limit_is_read(client: HttpClient, serve) -> None:
    async def handler(request):
        return web.Response(body=bytes(int(request.path[1:])))

    base = await serve(handler)
    assert len((await client.request("GET", f"{base}/100000")).body) == 100_000
    with pytest.raises(ResponseRefused):
        await client.request("GET", f"{base}/100001")
    assert (await client.request("HEAD", f"{base}/100001")).headers["content-length"] == "100001"


@pytest.mark.parametrize(
    "answer",
    [
        encoded("gzip", b"this is not gzip"),
        encoded("br", b"there is no brotli here"),
        encoded("zstd", b"nor zstd"),
        encoded("gzip, gzip", gzip.compress(gzip.compress(b"x"))),
        encoded("rot13", b"uryyb"),
        HEAD + b"Content-Encoding: gzip\r\n" + encoded("rot13", b"uryyb")[len(HEAD) :],
        b"garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        HEAD + b"Content-Length: -5\r\n\r\nhello",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        HEAD + b"Content-Length: 5\r\n\r\nhello, and more than it says",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        HEAD + b"X-Many: x\r\n" * 10_000 + b"\r\n",
    ],
    ids=lambda answer: ascii(answer[:60]),
)
async def test_an_unreadable_response_is_refused(client: HttpClient, talk, answer: bytes) -> None:
    with pytest.raises(ResponseRefused) as refused:
        await client.request("GET", await talk(answer), timeout=5)
    assert not refused.value.retryable


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        HEAD,
        HEAD + b"Content-Length: 100\r\n\r\nonly this",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ],
)
async def test_a_response_that_breaks_off_may_be_tried_again(
    client: HttpClient, talk, answer: bytes
) -> None:
    with pytest.raises(NetworkFailed) as failed:
        await client.request("POST", await talk(answer), body=b"x", timeout=5)
    assert failed.value.retryable


async def test_a_reset_connection_may_be_tried_again(client: HttpClient, talk) -> None:
    async def reset(reader, writer) -> None:
        writer.transport.abort()

    with pytest.raises(NetworkFailed) as failed:
        await client.request("POST", await talk(reset), body=b"x", timeout=5)
    assert failed.value.retryable


async def test_a_head_has_no_body_to_refuse(client: HttpClient, talk) -> None:
    base = await talk(HEAD + b"Content-Encoding: x\r\nContent-Length: 9999999\r\n\r\n")
    response = await client.request("head", base)
    assert (response.status, response.body) == (200, b"")


async def test_headers_that_are_not_text_can_be_stored(client: HttpClient, talk) -> None:
    base = await talk(HEAD + b"X-Name: caf\xe9\r\nX-Good: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n")
    headers = (await client.request("GET", base)).headers
    assert headers["x-good"] == "café"
    assert headers["x-name"].encode("utf-8")


async def test_an_answer_before_the_request_was_read_is_no_crash(client: HttpClient, talk) -> None:
    base = await talk(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    request = client.request("POST", base, body=bytes(10 * 2**20), timeout=5)
    (result,) = await asyncio.gather(request, return_exceptions=True)
    assert getattr(result, "status", None) == 413 or getattr(result, "retryable", False)
