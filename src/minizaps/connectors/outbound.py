"""The HTTP client for everything that Mini-Zaps sends: it checks each address that it dials."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from minizaps.connectors.addresses import AddressRules, Network
from minizaps.connectors.request_rules import (
    QueryValue,
    bad_request,
    check_headers,
    check_method,
    method_after,
    next_hop,
    parse_url,
)
from minizaps.connectors.resolver import CheckedResolver, SystemResolver
from minizaps.errors import (
    AddressRefused,
    AttemptTimedOut,
    ConnectorError,
    NetworkFailed,
    ResponseRefused,
)

USER_AGENT = "Mini-Zaps"

_LONG_BODY = 2**20
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_DECODED = frozenset(("", "identity", "gzip", "deflate", "br", "zstd"))


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response, read to its end.

    Attributes:
        status: the status code.
        headers: names in lower case; the values of a repeated header are joined by `, `.
        body: the body, decompressed.
        url: the address that answered, after redirects.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    url: str


class HttpClient:
    """Sends requests to public addresses, and to private ones that were opened.

    One for a process, made and used in one event loop; close it at the end.

    Args:
        allow_networks: private networks that may be reached, such as `10.0.0.0/8`.
        max_response_bytes: the longest response body, counted after decompression.
        connections_per_host: the most connections to one host at a time; 0 for no limit.
        resolver: what looks names up. Its answers are checked like any other.
        tls: certificates to trust in place of the system's.

    Raises:
        ValueError: a text in `allow_networks` is not a network.
    """

    def __init__(
        self,
        *,
        allow_networks: Iterable[str | Network] = (),
        max_response_bytes: int = 10 * 2**20,
        connections_per_host: int = 0,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._rules = AddressRules(allow_networks)
        self._max_response_bytes = max_response_bytes
        self._connections_per_host = connections_per_host
        self._resolver = CheckedResolver(self._rules, resolver or SystemResolver())
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, QueryValue] | None = None,
        body: bytes | None = None,
        timeout: float = 30.0,
        max_redirects: int = 5,
    ) -> HttpResponse:
        """Send a request and read its response, following redirects as browsers do.

        Args:
            query: added to the query that the URL has.
            timeout: seconds for everything: names, connections, redirects, the whole body.
            max_redirects: how many to follow; with 0 the redirect itself is the response.

        Raises:
            AddressRefused: the address may not be reached.
            NetworkFailed: no connection, or it broke.
            AttemptTimedOut: it took longer than `timeout`.
            ResponseRefused: the response is too long, not HTTP, or redirects without end.
            ConnectorError: the request is not valid (type `bad_request`).
        """
        method = check_method(method)
        target = parse_url(url, query)
        sent = check_headers(headers) if headers else {}
        try:
            async with asyncio.timeout(timeout):
                for _ in range(max_redirects):
                    response = await self._send(method, target, sent, body, follow=True)
                    location = response.headers.get("location")
                    if response.status not in _REDIRECTS or not location:
                        return response
                    method, body = method_after(response.status, method, body)
                    target, sent = next_hop(target, location, sent, keep_body=body is not None)
                response = await self._send(method, target, sent, body, follow=False)
        except TimeoutError:
            raise AttemptTimedOut(
                f"{target.host}: no complete response within {timeout:g} s", retryable=True
            ) from None
        if max_redirects and response.status in _REDIRECTS and "location" in response.headers:
            raise ResponseRefused(f"{target.host}: more than {max_redirects} redirects")
        return response

    async def _send(
        self, method: str, url: URL, headers: dict[str, str], body: bytes | None, *, follow: bool
    ) -> HttpResponse:
        session = self._session or self._open()
        # A long body goes out in pieces, so that others get their turn in between.
        data = BytesIO(body) if body and len(body) > _LONG_BODY else body
        try:
            async with session.request(
                method, url, headers=headers, data=data, allow_redirects=False
            ) as response:
                received = _received_headers(response)
                unread = follow and response.status in _REDIRECTS and "location" in received
                if unread or method == "HEAD":
                    content = b""
                else:
                    content = await self._read(response, received)
                return HttpResponse(response.status, received, content, str(url))
        except (aiohttp.ClientError, ValueError) as exc:
            raise _translated(exc, url) from exc

    async def _read(self, response: aiohttp.ClientResponse, headers: dict[str, str]) -> bytes:
        if headers.get("content-encoding", "").lower() not in _DECODED:
            raise ResponseRefused(f"{response.url.host}: the body's content-encoding is unknown")
        limit = self._max_response_bytes
        if (response.content_length or 0) > limit:
            raise _too_long(response, limit)
        chunks, size = [], 0
        while chunk := await response.content.readany():
            size += len(chunk)
            if size > limit:
                raise _too_long(response, limit)
            chunks.append(chunk)
        return b"".join(chunks)

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=1000,
                limit_per_host=self._connections_per_host,
                resolver=self._resolver,
                socket_factory=self._socket,
                ssl=self._tls or True,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            skip_auto_headers=["Content-Type"],
            timeout=aiohttp.ClientTimeout(),
            trust_env=False,
            max_line_size=32768,
            max_field_size=32768,
        )
        return self._session

    def _socket(self, addr_info: aiohttp.AddrInfoType) -> socket.socket:
        """The one place where sockets are made: what is checked here is what is dialled."""
        family, kind, protocol, _, address = addr_info
        if refusal := self._rules.refusal(str(address[0])):
            raise AddressRefused(f"the address {address[0]} {refusal}")
        return socket.socket(family, kind, protocol)


def _received_headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        name = name.lower()
        if not value.isascii():  # what was not UTF-8 is not text
            value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _too_long(response: aiohttp.ClientResponse, limit: int) -> ResponseRefused:
    return ResponseRefused(f"{response.url.host}: the body is longer than {limit:,} bytes")


def _translated(exc: Exception, url: URL) -> ConnectorError:
    where = f"{url.host}:{url.port}"
    match exc:
        case aiohttp.ClientConnectorCertificateError():
            return NetworkFailed(
                f"{where}: its certificate is not trusted: {exc.certificate_error}"
            )
        case aiohttp.ClientConnectorError():  # names and TLS are among them
            return NetworkFailed(f"{where}: {reason_of(exc.os_error)}", retryable=True)
        case aiohttp.InvalidURL():  # such as 127.1 and 2130706433
            return AddressRefused(f"{url.host} is not an IP address in its usual form")
        case aiohttp.ClientPayloadError() if isinstance(exc.__cause__, ContentEncodingError):
            return ResponseRefused(f"{where}: the body does not decompress")
        case aiohttp.ClientResponseError():
            return ResponseRefused(
                f"{where}: the response is not readable: {_first_line(exc.message)}"
            )
        case aiohttp.ClientPayloadError():
            return NetworkFailed(f"{where}: the connection broke off in the body", retryable=True)
        case aiohttp.ServerDisconnectedError():
            return NetworkFailed(f"{where}: closed the connection without a word", retryable=True)
        case aiohttp.ClientOSError():
            return NetworkFailed(f"{where}: {reason_of(exc)}", retryable=True)
        case aiohttp.ClientError():
            return NetworkFailed(f"{where}: {str(exc) or type(exc).__name__}", retryable=True)
    return bad_request(f"the request is not valid: {exc}")


def reason_of(exc: OSError) -> str:
    """What an error of the operating system says, in words."""
    if exc.errno and exc.errno in errno.errorcode and not isinstance(exc, ssl.SSLError):
        return os.strerror(exc.errno).lower()
    return exc.strerror or str(exc) or type(exc).__name__


def _first_line(text: str) -> str:
    return text.partition("\n")[0].rstrip(" :")
