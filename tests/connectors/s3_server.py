"""A local server of S3's protocol, which checks each signature by what it has received."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, NamedTuple
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from aiohttp import web

KEY_ID, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-central-1"


class Stored(NamedTuple):
    """An object."""

    content: bytes
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'


class S3Server:
    """Has one bucket, `acme`.

    Attributes:
        lost: how many puts are made whose answers are lost.
        failures: what to answer to the next requests instead: status and code.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.failures: list[tuple[int, str]] = []
        self.lost = 0

    async def answer(self, request: web.Request) -> web.Response:
        assert request.method != "PUT" or "Content-Length" in request.headers
        body = await request.content.read()
        if self.failures:
            return _error(*self.failures.pop(0))
        if problem := _signature_problem(request, body):
            return _error(403, problem)
        bucket, _, key = unquote(request.raw_path.partition("?")[0])[1:].partition("/")
        if not bucket:
            return _error(403, "AccessDenied")
        if bucket != "acme":
            return _error(404, "NoSuchBucket")
        if not key:
            return self._list(request)
        match request.method:
            case "PUT":
                return self._put(request, key, body)
            case "DELETE":
                self.objects.pop(key, None)
                return web.Response(status=204)
        if key not in self.objects:
            return _error(404, "NoSuchKey")
        stored = self.objects[key]
        return web.Response(body=stored.content, headers={**stored.headers, "ETag": stored.etag})

    def _put(self, request: web.Request, key: str, body: bytes) -> web.Response:
        if request.headers.get("If-None-Match") == "*" and key in self.objects:
            return _error(412, "PreconditionFailed")
        kept = ("content-type", "x-amz-meta-idempotency-key")
        headers = {n.lower(): v for n, v in request.headers.items() if n.lower() in kept}
        self.objects[key] = Stored(body, headers)
        if self.lost:
            self.lost -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.Response(headers={"ETag": self.objects[key].etag})

    def _list(self, request: web.Request) -> web.Response:
        assert request.query["list-type"] == "2"
        prefix, after = request.query.get("prefix", ""), request.query.get("start-after", "")
        keys = sorted(k for k in self.objects if k.startswith(prefix) and k > after)
        named = keys[: int(request.query["max-keys"])]
        inside = "".join(_contents(key, self.objects[key]) for key in named)
        truncated = str(len(named) < len(keys)).lower()
        text = f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{inside}"
        return web.Response(text=text + "</ListBucketResult>", content_type="application/xml")


def _contents(key: str, stored: Stored) -> str:
    return (
        f"<Contents>\n  <Key>{escape(key)}</Key>\n  <ETag>{escape(stored.etag)}</ETag>"
        f"<LastModified>2030-01-31T12:00:00.000Z</LastModified><Size>{len(stored.content)}</Size>"
        "</Contents>"
    )


def _error(status: int, code: str) -> web.Response:
    text = f"<?xml version='1.0'?>\n<Error><Code>{code}</Code><Message>Sorry.</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")


def _signature_problem(request: web.Request, body: bytes) -> str | None:
    query: dict[str, Any] = dict(request.query)
    if "X-Amz-Signature" in query:
        given = query.pop("X-Amz-Signature")
        identity, names = query["X-Amz-Credential"], query["X-Amz-SignedHeaders"]
        time, digest = query["X-Amz-Date"], "UNSIGNED-PAYLOAD"
    else:
        parts = request.headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(",")
        fields = dict(part.strip().split("=", 1) for part in parts)
        identity, names, given = (fields[n] for n in ("Credential", "SignedHeaders", "Signature"))
        time, digest = request.headers["x-amz-date"], request.headers["x-amz-content-sha256"]
        if digest != hashlib.sha256(body).hexdigest():
            return "XAmzContentSHA256Mismatch"
        amazons = {n.lower() for n in request.headers if n.lower().startswith("x-amz-")}
        if not amazons | {"host"} <= set(names.split(";")):
            return "AccessDenied"
    key_id, *scope = identity.split("/")
    if key_id != KEY_ID:
        return "InvalidAccessKeyId"
    if scope != [time[:8], REGION, "s3", "aws4_request"]:
        return "AuthorizationHeaderMalformed"
    path = quote(unquote(request.raw_path.partition("?")[0]), safe="/-._~")
    pairs = sorted((quote(n, safe="-._~"), quote(v, safe="-._~")) for n, v in query.items())
    canonical = [request.method, path, "&".join(f"{n}={v}" for n, v in pairs)]
    canonical += [f"{name}:{request.headers[name].strip()}" for name in names.split(";")]
    canonical += ["", names, digest]
    hashed = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    signing = ("AWS4" + SECRET).encode()
    for part in scope:
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", time, "/".join(scope), hashed])
    right = hmac.new(signing, text.encode(), hashlib.sha256).hexdigest()
    return None if hmac.compare_digest(right, given) else "SignatureDoesNotMatch"
