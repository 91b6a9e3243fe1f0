"""The standard suite: what every connector is held to."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, ClassVar
from unittest import SkipTest

import orjson

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.credentials.credential import Credential
from minizaps.errors import ConnectorError
from minizaps.testing import declaration
from minizaps.testing.context import KEY, open_context
from minizaps.testing.outcomes import Outcome, Output, check_json, must, text_of
from minizaps.testing.partners import (
    GARBAGE,
    Answer,
    Call,
    Partner,
    always,
    http_partner,
    refusing,
    rude,
    silent,
)
from minizaps.testing.traces import canaries, logged, seen

PROMPTLY = 2.0  # seconds
DATA = {"trigger": {"body": {"id": 7}}, "steps": {"before": {"rows": [1, 2]}}}


class ConnectorSuite:
    """Inherit from it in a class whose name begins with `Test`, and pytest runs the suite.

    Attributes:
        entry: the connector and the model of its config.
        local: whether it reaches nothing outside the process, though it is not pure.
        without_key: why the partner is not told the idempotency key, though the connector is
            idempotent.
        repeats: why an attempt is made again whose effect may have happened, though the connector
            is not idempotent.
    """

    entry: ClassVar[tuple[type[BaseConnector[Any]], type[ConnectorConfig]]]
    local: ClassVar[bool] = False
    without_key: ClassVar[str] = ""
    repeats: ClassVar[str] = ""

    def config(self, partner: Partner) -> dict[str, Any]:
        """An example of the config, which leads to the partner."""
        raise NotImplementedError("config: return an example of the step's config")

    def credential(self, partner: Partner) -> Credential | None:
        """The credential, opened, with the word `canary` in each of its secrets."""
        return None

    def respond(self, call: Call) -> Answer:
        """What the HTTP partner answers; 200 and `{}` if left out."""
        return Answer({})

    @asynccontextmanager
    async def partner(self) -> AsyncIterator[Partner]:
        """The other side; a web server with `respond` unless you bring one of another protocol."""
        async with http_partner(self.respond) as partner:
            yield partner

    def test_each_field_of_the_config_is_described_and_unknown_ones_are_refused(self) -> None:
        example = self.config(Partner("127.0.0.1", 9))
        problems = declaration.schema_problems(self.entry[1])
        problems += declaration.strictness_problems(self.entry[1], example)
        must(not problems, "\n".join(problems))

    def test_a_page_can_be_made(self) -> None:
        problems = declaration.documentation_problems(*self.entry)
        must(not problems, "\n".join(problems))

    def test_its_facts_fit_together(self) -> None:
        problems = declaration.facts_problems(self.entry[0])
        must(not problems, "\n".join(problems))

    def test_the_output_is_json_and_what_was_given_is_left_alone(self) -> None:
        async def check() -> None:
            async with self.partner() as partner:
                example = self.config(partner)
                connector = self._connector(partner)
                before = connector.config.model_dump()
                data = copy.deepcopy(DATA)
                async with open_context(credential=self.credential(partner), data=data) as context:
                    check_json(await self._execute(connector, context))
                must(example == self.config(partner), "the example config has been changed")
                must(connector.config.model_dump() == before, "it has changed its config")
                must(data == DATA, "it has changed the run's data")

        asyncio.run(check())

    def test_no_secret_is_shown(self) -> None:
        if self.credential(Partner("127.0.0.1", 9)) is None:
            raise SkipTest("it has no credential")

        async def check(partner: Partner) -> None:
            credential = self.credential(partner)
            must(credential is not None, "it has a credential with some partners only")
            with logged() as lines:
                connector = self._connector(partner)
                async with open_context(credential=credential, data=DATA) as context:
                    outcome = await self._outcome(connector, context)
            shown = {
                "the output or error": text_of(outcome),
                "the log": "\n".join(lines),
                "a repr": f"{connector!r} {connector.config!r} {context!r}",
            }
            for place, text in shown.items():
                for way in seen(canaries(credential), text) if credential else ():
                    raise AssertionError(f"{place} shows a secret, {way}: {text[:2000]}")

        asyncio.run(self._with_each(check, [self.partner, *self._bad_partners().values()]))

    def test_trying_the_credential_ends_in_words_or_in_a_connector_error(self) -> None:
        if self.credential(Partner("127.0.0.1", 9)) is None:
            raise SkipTest("it has no credential")

        async def check(partner: Partner) -> None:
            credential = self.credential(partner)
            async with open_context(credential=credential, data=DATA) as context:
                try:
                    said = await self.entry[0].try_credential(context)
                except ConnectorError as error:
                    said = text_of(error)
            must(said is None or isinstance(said, str), f"it said {said!r}")
            for way in seen(canaries(credential), said or "") if credential else ():
                raise AssertionError(f"it shows a secret, {way}: {said}")

        asyncio.run(self._with_each(check, [self.partner, *self._bad_partners().values()]))

    def test_it_ends_when_it_is_cancelled(self) -> None:
        async def cut_off(task: asyncio.Task[Output], called: asyncio.Event) -> None:
            waiting = asyncio.ensure_future(called.wait())
            await asyncio.wait((waiting, task), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            task.cancel()

        asyncio.run(self._cut_off(cut_off))

    def test_it_ends_at_its_timeout(self) -> None:
        async def cut_off(task: asyncio.Task[Output], called: asyncio.Event) -> None:
            try:
                async with asyncio.timeout(0.05):
                    await task
            except TimeoutError:
                task.cancelled()

        asyncio.run(self._cut_off(cut_off))

    def test_what_goes_wrong_outside_is_a_connector_error(self) -> None:
        self._needs_a_partner()

        async def check() -> None:
            for name, opened in self._bad_partners().items():
                async with opened() as partner:
                    error = await self._once(partner)
                must(isinstance(error, ConnectorError), f"{name}: it ended with {error!r}")
                self._check_error(name, error)

        asyncio.run(check())

    def test_an_answer_that_is_no_json_is_no_accident(self) -> None:
        if not self._speaks_http():
            raise SkipTest("its partner does not speak HTTP")

        async def check() -> None:
            for body in (b'{"broken', b"<html>sorry</html>", b"", b"[]", b"null", b'"text"'):
                answer = Answer(body, headers={"Content-Type": "application/json"})
                async with http_partner(always(answer)) as partner:
                    check_json(await self._once(partner))

        asyncio.run(check())

    def test_the_same_key_gives_the_same_result(self) -> None:
        connector, _ = self.entry
        if not connector.idempotent:
            raise SkipTest("it is not idempotent")

        async def check() -> None:
            async with self.partner() as partner:
                first, second = [await self._once(partner) for _ in range(2)]
                must(text_of(first) == text_of(second), f"first {first!r}, then {second!r}")
                if not (self.without_key or connector.pure or self.local):
                    self._check_key(partner)

        asyncio.run(check())

    def _check_key(self, partner: Partner) -> None:
        writing = [call for call in partner.calls if call.method not in ("GET", "HEAD")]
        heard = bytes(partner.heard)
        for call in writing:
            values = " ".join((*call.headers.values(), *call.query.values()))
            heard += values.encode() + call.body
        must(
            KEY.encode() in heard or (bool(partner.calls) and not writing),
            "it is idempotent, and its partner has not heard context.idempotency_key: send it, or "
            "say under `without_key` why the same request may come twice",
        )

    def _check_error(self, name: str, error: Any) -> None:
        must(re.fullmatch(r"[a-z][a-z0-9_]*", error.type), f"{name}: type is {error.type!r}")
        must(error.type != "unexpected", f"{name}: the type `unexpected` is for mistakes")
        must(str(error), f"{name}: the error has no message")
        orjson.dumps(error.details)
        if name in ("nobody listens", "503") and (self.entry[0].idempotent or "nobody" in name):
            must(error.retryable, f"{name}: a later attempt may succeed, so it is retryable")
        if name == "403":
            must(not error.retryable, f"{name}: no later attempt succeeds: it is not retryable")
        connector = self.entry[0]
        if name == "it hangs up" and not connector.idempotent and connector.retry.max_attempts > 1:
            must(
                self.repeats or not error.retryable,
                f"{name}: the effect may have happened, it is not idempotent, and it would be "
                "tried again: say under `repeats` why it may",
            )

    async def _cut_off(
        self, cut_off: Callable[[asyncio.Task[Output], asyncio.Event], Awaitable[None]]
    ) -> None:
        self._needs_a_partner()
        async with silent() as silence:
            connector = self._connector(silence.partner)
            credential = self.credential(silence.partner)
            async with open_context(credential=credential, data=DATA) as context:
                before = asyncio.all_tasks()
                task = asyncio.ensure_future(connector.execute(context))
                await cut_off(task, silence.called)
                done, _ = await asyncio.wait([task], timeout=PROMPTLY)
                must(done, f"it has not ended within {PROMPTLY:g} s")
                must(task.cancelled(), "it ended by itself, or swallowed the cancellation")
                if left := asyncio.all_tasks() - before:
                    await asyncio.wait(left, timeout=PROMPTLY)
                try:
                    await asyncio.wait_for(silence.gone.wait(), PROMPTLY)
                except TimeoutError:
                    message = "it has left a connection open: close it in a `finally`"
                    raise AssertionError(message) from None
        left = asyncio.all_tasks() - before
        must(not left, f"it has left tasks behind: {left}")

    def _connector(self, partner: Partner) -> BaseConnector[Any]:
        connector, model = self.entry
        return connector(model.model_validate(self.config(partner)))

    async def _once(self, partner: Partner) -> Outcome:
        connector = self._connector(partner)
        async with open_context(credential=self.credential(partner), data=DATA) as context:
            return await self._outcome(connector, context)

    async def _execute(self, connector: BaseConnector[Any], context: Context) -> Output:
        outcome = await self._outcome(connector, context)
        if isinstance(outcome, ConnectorError):
            raise AssertionError(f"the example fails: {outcome.type}: {outcome}") from outcome
        return outcome

    async def _outcome(self, connector: BaseConnector[Any], context: Context) -> Outcome:
        try:
            async with asyncio.timeout(connector.timeout):
                return await connector.execute(context)
        except ConnectorError as error:
            return error
        except Exception as error:
            raise AssertionError(f"it raised {error!r}, which is no ConnectorError") from error

    async def _with_each(
        self,
        check: Callable[[Partner], Awaitable[None]],
        partners: list[Callable[[], AbstractAsyncContextManager[Partner]]],
    ) -> None:
        for opened in partners:
            async with opened() as partner:
                await check(partner)

    def _bad_partners(self) -> dict[str, Callable[[], AbstractAsyncContextManager[Partner]]]:
        if not self._reaches_out():
            return {}
        partners: dict[str, Callable[[], AbstractAsyncContextManager[Partner]]] = {
            "nobody listens": refusing,
            "it hangs up": partial(rude, b""),
            "it talks nonsense": partial(rude, GARBAGE),
        }
        if self._speaks_http():
            for status in (503, 403):
                answer = Answer({"error": "sorry"}, status=status)
                partners[str(status)] = partial(http_partner, always(answer))
        return partners

    def _reaches_out(self) -> bool:
        return not (self.local or self.entry[0].pure)

    def _speaks_http(self) -> bool:
        return self._reaches_out() and type(self).partner is ConnectorSuite.partner

    def _needs_a_partner(self) -> None:
        if not self._reaches_out():
            raise SkipTest("it reaches nothing outside")
