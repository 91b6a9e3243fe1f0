"""Inbound hooks: the hot path, plain ASGI beside the API."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import OrderedDict
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from minizaps.api.hooks.body import parse_body
from minizaps.api.hooks.compression import decompress
from minizaps.api.hooks.delivery import checked, digest
from minizaps.api.hooks.no_start import RawHeaders, cors, greeted, no_start
from minizaps.api.hooks.rules import PlannedRespond, Rules, Signed, plan_rules
from minizaps.api.hooks.secret import secrets_of
from minizaps.api.hooks.text import fields_of
from minizaps.api.hooks.waited import waited_answer
from minizaps.api.problems import HttpProblem, problem_of
from minizaps.app import App
from minizaps.definition.triggers import WebhookTrigger
from minizaps.errors import NotFound
from minizaps.ids import uuid7
from minizaps.journal.records import Hook, Idempotency
from minizaps.triggers.signature import refusal

PREFIX = "/hooks/"
REMEMBERED = 1.0  # seconds that a token's lead is believed without another look
MOST_REMEMBERED = 10_000
LONGEST_TOKEN = 64
_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_HIDDEN = frozenset({"authorization", "cookie", "proxy-authorization"})


class Lead(NamedTuple):
    """What a token leads to: a hook, and how its calls are taken."""

    hook: Hook
    rules: Rules


class Hooks:
    """Starts a run for each call of a hook's URL, and answers once it is on disk."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._known: OrderedDict[str, tuple[Lead | None, float, int]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: str | Response
        shared: RawHeaders = []
        try:
            lead = await self._find(scope["path"][len(PREFIX) :])
            if lead is None:
                raise NotFound("no active workflow has this hook")
            if lead.rules.cors:
                shared = cors(lead.rules, scope)
            answer = await self._take(lead.hook, lead.rules, scope, receive)
        except Exception as error:
            answer = problem_of(error)
        if isinstance(answer, Response):
            answer.raw_headers.extend(shared)
            await answer(scope, receive, send)
            return
        body = b'{"run_id":"%s"}\n' % answer.encode()
        headers = [*_HEADERS, (b"content-length", b"%d" % len(body)), *shared]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _take(
        self, hook: Hook, rules: Rules, scope: Scope, receive: Receive
    ) -> str | Response:
        """The run's id, or another answer."""
        if scope["method"] not in rules.methods:
            return no_start(scope["method"], rules)
        app = self._app
        raw = content = await _read(receive)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        if rules.signed is not None:
            await self._check_signature(hook.project, rules.signed, headers, raw)
        if "content-encoding" in headers:
            content = decompress(raw, headers["content-encoding"], app.settings.max_body_bytes)
        body = parse_body(content, headers.get("content-type", ""))
        if rules.signed is not None and (hello := greeted(rules.signed, headers, body)):
            return hello
        query = scope["query_string"].decode("latin-1")
        trigger = {
            "id": hook.trigger_id,
            "type": "webhook",
            "body": body,
            "headers": {k: v for k, v in headers.items() if k not in _HIDDEN},
            "query": fields_of(query) if query else {},
        }
        if rules.raw:
            trigger["raw_base64"] = b64encode(raw).decode()
        idempotency = None
        if key := checked(rules.identify(headers, trigger)):
            name = f"hook:{hook.workflow_id}:{hook.trigger_id}"
            idempotency = Idempotency(name, key, digest(content, headers, body))
        if rules.respond is not None:
            return await self._answer(hook, rules.respond, trigger, idempotency)
        new = await app.engine.prepare(
            hook.project, hook.workflow_id, hook.version, trigger, idempotency=idempotency
        )
        return (await app.start(new)).run_id

    async def _answer(
        self,
        hook: Hook,
        respond: PlannedRespond,
        trigger: dict[str, Any],
        idempotency: Idempotency | None,
    ) -> Response:
        """Start the run, and answer as the trigger's author has laid down."""
        app = self._app
        plan = await app.engine.plan(hook.workflow_id, hook.version)
        workflow = {"id": hook.workflow_id, "name": plan.name, "version": hook.version}
        run_id = uuid7(app.clock.now())
        scope = {"trigger": trigger, "workflow": workflow, "run": {"id": run_id}}
        # Made before the start, so that a call from which it cannot be made starts nothing.
        response = respond.answer.render(scope) if respond.wait is None else None
        new = await app.engine.prepare(
            hook.project,
            hook.workflow_id,
            hook.version,
            trigger,
            idempotency=idempotency,
            run_id=run_id,
        )
        started = await app.start(new)
        scope["run"] = {"id": started.run_id}
        if response is None:
            return await waited_answer(app, hook.project, respond, started.run_id, scope)
        return response if started.created else respond.answer.render(scope)

    async def _check_signature(
        self, project: str, signed: Signed, headers: dict[str, str], raw: bytes
    ) -> None:
        secrets = await secrets_of(self._app, project, signed.secrets)
        now = self._app.clock.now()
        if reason := refusal(signed.scheme, secrets, headers, raw, now, signed.tolerance):
            raise HttpProblem(401, "Signature refused", reason)

    async def _find(self, token: str) -> Lead | None:
        if len(token) > LONGEST_TOKEN:
            return None
        revision = self._app.catalog.revision
        lead, at, known_revision = self._known.get(token, (None, 0.0, -1))
        if time.monotonic() - at > REMEMBERED or revision != known_revision:
            hook = await self._app.catalog.hook(token)
            if hook is None or lead is None or hook != lead.hook:
                lead = None if hook is None else Lead(hook, await self._rules(hook))
            self._known[token] = (lead, time.monotonic(), revision)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return lead

    async def _rules(self, hook: Hook) -> Rules:
        plan = await self._app.engine.plan(hook.workflow_id, hook.version)
        match plan.triggers[hook.trigger_id]:
            case WebhookTrigger(config=config):
                return plan_rules(config)
        raise NotFound("this trigger has no hook")


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
