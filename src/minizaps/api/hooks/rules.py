"""A webhook trigger's config, ready to be applied to calls."""

from __future__ import annotations

from dataclasses import dataclass

from minizaps.api.hooks.answer import PlannedAnswer, plan_answer
from minizaps.api.hooks.delivery import Identify, identity_of
from minizaps.definition.webhook_trigger import TOLERANCE, Respond, WebhookTriggerConfig
from minizaps.triggers.signature import Scheme, scheme_of


@dataclass(frozen=True, slots=True)
class Signed:
    """How calls are signed.

    Attributes:
        secrets: the names of the secrets that may have signed them.
        tolerance: seconds that a signed time may differ from ours.
        greeting: the name of a scheme whose first call only greets.
    """

    scheme: Scheme
    secrets: tuple[str, ...]
    tolerance: float
    greeting: str


@dataclass(frozen=True, slots=True)
class PlannedRespond:
    """The author's own answer.

    Attributes:
        wait: seconds to wait for the run's end; None where it is not waited for.
        failed: the answer for a run that did not succeed.
    """

    answer: PlannedAnswer
    wait: float | None
    failed: PlannedAnswer | None


@dataclass(frozen=True, slots=True)
class Rules:
    """How the calls of one hook are taken.

    Attributes:
        methods: those that start runs.
        signed: None where calls are not signed.
        identify: what finds the key of a delivery.
        raw: whether the body is kept as it came, too.
        cors: the origins whose pages may call.
        respond: None where the answer is 202 and the run's id.
    """

    methods: frozenset[str]
    signed: Signed | None
    identify: Identify
    raw: bool
    cors: frozenset[str]
    respond: PlannedRespond | None


def plan_rules(config: WebhookTriggerConfig) -> Rules:
    """Compile a checked config."""
    return Rules(
        methods=frozenset(config.methods),
        signed=_signed(config),
        identify=identity_of(config),
        raw=config.raw,
        cors=frozenset(config.cors),
        respond=None if config.respond is None else _response(config.respond),
    )


def _signed(config: WebhookTriggerConfig) -> Signed | None:
    if config.secret is None:
        return None
    return Signed(
        scheme_of(config.signature),
        tuple(config.secret),
        TOLERANCE if config.tolerance is None else config.tolerance,
        config.signature if isinstance(config.signature, str) else "",
    )


def _response(respond: Respond) -> PlannedRespond:
    failed = None if respond.failed is None else plan_answer(respond.failed)
    return PlannedRespond(plan_answer(respond), respond.wait, failed)
