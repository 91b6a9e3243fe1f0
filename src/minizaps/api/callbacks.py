"""Callbacks: the URLs that a waiting step gives to whoever is to answer. No API key: the token in
the URL is the secret, and works once."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from minizaps.api import pages
from minizaps.api.answers import ANY, Decision, give, in_words
from minizaps.api.problems import RESPONSES, HttpProblem, problem_of
from minizaps.app import App
from minizaps.credentials.types import Hmac
from minizaps.definition.strict_json import parse_document
from minizaps.errors import Conflict, CredentialUnusable, MinizapsError, NotFound
from minizaps.journal.signals import Callback
from minizaps.journal.status import ENDED
from minizaps.triggers.signature import STANDARD, refusal

logger = logging.getLogger("minizaps.api")

PREFIX = "/callbacks/"
LONGEST_TOKEN = 64
LONGEST_NAME = 200
LONGEST_COMMENT = 2000


_TOKEN = {"name": "token", "in": "path", "required": True, "schema": {"type": "string"}}
_ANSWERED = {
    "type": "object",
    "properties": {"run_id": {"type": "string"}, "step": {"type": "string"}},
    "required": ["run_id", "step"],
}
# For the OpenAPI description, which has only routes by itself.
OPERATIONS: dict[str, Any] = {
    "get": {
        "tags": ["callbacks"],
        "summary": "Show a person the button",
        "description": "Of a step that asks for an approval. It decides nothing by itself.",
        "parameters": [_TOKEN],
        "responses": {"200": {"description": "A page", "content": {"text/html": {}}}},
    },
    "post": {
        "tags": ["callbacks"],
        "summary": "Answer a waiting step, once",
        "description": "No API key: the token in the URL is the secret. A step that asks for an "
        "approval takes `by` and `comment`, as JSON or as a form.",
        "parameters": [_TOKEN],
        "requestBody": {"content": {"application/json": {}}},
        "responses": {
            "200": {
                "description": "The answer is on disk",
                "content": {"application/json": {"schema": _ANSWERED}},
            },
        },
    },
}
for _operation in OPERATIONS.values():
    _operation["responses"] |= {str(status): answer for status, answer in RESPONSES.items()}


class Callbacks:
    """Answers the calls of callback URLs."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Exception as error:
            response = self._refuse(request, error)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        await response(scope, receive, send)

    def _refuse(self, request: Request, error: Exception) -> Response:
        if not _is_browser(request) or not isinstance(error, MinizapsError | HttpProblem):
            return problem_of(error)
        said = error.detail if isinstance(error, HttpProblem) else str(error)
        return pages.said("This cannot be answered", said, problem_of(error).status_code)

    async def _answer(self, request: Request) -> Response:
        token = request.url.path[len(PREFIX) :]
        found = await self._app.signals.callback(token) if len(token) <= LONGEST_TOKEN else None
        if found is None:
            raise NotFound("no step waits for this URL")
        match request.method:
            case "POST" | "PUT":
                return await self._take(request, found)
            case "GET" | "HEAD" if found.answer != ANY:
                return await self._ask(found)
        allowed = "POST" if found.answer == ANY else "GET, POST"
        raise HttpProblem(
            405, "Not allowed here", f"call this URL with {allowed}", {"Allow": allowed}
        )

    async def _ask(self, found: Callback) -> Response:
        """The page with the button: a link that is merely opened decides nothing, since mail
        programs open links too."""
        run = await self._app.listings.run(found.run_id)
        earlier = await self._app.signals.posted(run.id, found.path)
        if earlier is not None:
            raise Conflict(in_words(earlier))
        if run.status in ENDED:
            raise Conflict(f"the run is {run.status}: it waits for nothing any more")
        return pages.question(found.answer, run.workflow_name or "", found.path, found.message)

    async def _take(self, request: Request, found: Callback) -> Response:
        raw = await request.body()
        if found.secret is not None:
            headers = {name.lower(): value for name, value in request.headers.items()}
            now = self._app.clock.now()
            secret = await self._secret(found)
            if reason := refusal(STANDARD, [secret], headers, raw, now):
                raise HttpProblem(401, "Signature refused", reason)
        given: Any
        if found.answer == ANY:
            given = parse_document(raw) if raw.strip() else None
        else:
            given = _decision(request, raw)
        signal = await give(self._app, found.run_id, found.path, found.answer, given)
        if _is_browser(request):
            return pages.said("Thank you", in_words(signal), 200)
        return JSONResponse({"run_id": found.run_id, "step": found.path})

    async def _secret(self, found: Callback) -> Hmac:
        """The secret that signs the call."""
        run = await self._app.listings.run(found.run_id)
        try:
            opened = await self._app.vault.open(run.project, found.secret or "")
            if not isinstance(opened, Hmac):
                raise CredentialUnusable(f"{found.secret!r} is of the type {opened.type}, not hmac")
        except CredentialUnusable as error:
            logger.error("a signed callback cannot be checked: %s", error)
            detail = "the secret of this step is not set up on the server"
            raise HttpProblem(503, "Not set up", detail, {"Retry-After": "60"}) from None
        return opened


def _decision(request: Request, raw: bytes) -> Decision:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        form = parse_qs(raw.decode("utf-8", "replace"), max_num_fields=10)
        fields: Any = {name: values[0] for name, values in form.items()}
    else:
        fields = parse_document(raw) if raw.strip() else {}
    if not isinstance(fields, dict):
        raise HttpProblem(422, "The request is not valid", "send an object with `by`, `comment`")
    address = request.client.host if request.client else None
    by, comment = _text(fields, "by", LONGEST_NAME), _text(fields, "comment", LONGEST_COMMENT)
    return Decision(by, comment, address)


def _text(fields: dict[str, Any], name: str, longest: int) -> str | None:
    text = fields.get(name)
    if text is None:
        return None
    if isinstance(text, str):
        text = text.replace("\r\n", "\n")  # as a form sends it
    if not isinstance(text, str) or len(text) > longest or "\0" in text:
        detail = f"{name} is text of {longest} characters at most"
        raise HttpProblem(422, "The request is not valid", detail)
    return text.strip() or None


def _is_browser(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
