"""Calls that start no run: looks, questions of browsers, first calls of senders."""

from __future__ import annotations

from typing import Any

from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from minizaps.api.hooks.rules import Rules, Signed
from minizaps.api.problems import HttpProblem

LONGEST_CHALLENGE = 1000

RawHeaders = list[tuple[bytes, bytes]]


def no_start(method: str, rules: Rules) -> Response:
    """The answer to a method that starts no run: a look, or a browser's question."""
    allowed = ", ".join(sorted(rules.methods | {"HEAD", "OPTIONS"}))
    if method == "HEAD":
        return Response(status_code=200)
    if method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allowed})
    raise HttpProblem(405, "Not allowed here", f"call this URL with {allowed}", {"Allow": allowed})


def cors(rules: Rules, scope: Scope) -> RawHeaders:
    """What lets a page of an allowed origin call, by the Fetch standard."""
    given = dict(scope["headers"])
    origin = given.get(b"origin", b"").decode("latin-1")
    if not origin or not rules.cors & {origin, "*"}:
        return [(b"vary", b"Origin")]
    headers = [(b"vary", b"Origin"), (b"access-control-allow-origin", origin.encode("latin-1"))]
    if scope["method"] == "OPTIONS":
        headers += [
            (b"access-control-allow-methods", ", ".join(sorted(rules.methods)).encode()),
            (b"access-control-allow-headers", b"*"),
            (b"access-control-max-age", b"600"),
        ]
    return headers


def greeted(signed: Signed, headers: dict[str, str], body: Any) -> Response | None:
    """The answer to a sender who only tries the URL: GitHub's ping, Slack's challenge."""
    if signed.greeting == "github" and headers.get("x-github-event") == "ping":
        return Response(status_code=204)
    if signed.greeting == "slack" and isinstance(body, dict):
        challenge = body.get("challenge") if body.get("type") == "url_verification" else None
        if isinstance(challenge, str) and len(challenge) <= LONGEST_CHALLENGE:
            return PlainTextResponse(challenge, headers={"X-Content-Type-Options": "nosniff"})
    return None
