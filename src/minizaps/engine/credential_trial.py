"""Finding out whether a credential is accepted, by the connectors that take it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import MappingProxyType

from minizaps.connectors.base import Context
from minizaps.connectors.responses import status_error
from minizaps.credentials.credential import AccessToken, Credential, HttpCredential
from minizaps.credentials.redact import redacting, redactor_of
from minizaps.engine.attempt import Tools, in_words
from minizaps.engine.plan import AnyConnector
from minizaps.errors import AttemptTimedOut, ConnectorError
from minizaps.ids import uuid7

PATIENCE = 60.0  # seconds


async def try_credential(
    tools: Tools, project: str, name: str, kind: str, connectors: Iterable[type[AnyConnector]]
) -> str:
    """Use a credential without an effect.

    Args:
        kind: its type.
        connectors: all that there are.

    Returns:
        a sentence that says what was tried.

    Raises:
        ConnectorError: it cannot be opened, or is not accepted; the message holds no secret.
    """
    opened = await tools.vault.open(project, name)
    redactor = redactor_of(tuple(opened.secrets()))
    context = Context(
        data=MappingProxyType({}),
        run_id=uuid7(),
        path="try",
        attempt=1,
        idempotency_key=uuid7(),
        http=tools.http,
        dial=tools.dial,
        now=tools.now,
        credential=opened,
    )
    try:
        with redacting(redactor):
            async with asyncio.timeout(PATIENCE):
                said = await _said(context, kind, tools.vault.types[kind], connectors)
    except ConnectorError as error:
        error.args = (redactor.text(str(error)),)
        raise
    except TimeoutError:
        raise AttemptTimedOut(f"no answer within {PATIENCE:g} s") from None
    except Exception as error:  # a connector's own mistake
        raise ConnectorError(redactor.text(in_words(error)), type="unexpected") from None
    if said is not None:
        return redactor.text(said)
    if isinstance(opened, AccessToken):
        return "a token was had for it"
    return "it can be opened; there is no way to try it"


async def _said(
    context: Context, kind: str, model: type[Credential], connectors: Iterable[type[AnyConnector]]
) -> str | None:
    """What a trial has shown; None if there is no way to tell."""
    # One for any server at all is shown to the server that it names, and to no other.
    if "test_url" in model.model_fields:
        return await _shown_to(context, getattr(context.credential, "test_url", None))
    for connector in connectors:
        if kind in {taken.type for taken in connector.credential}:
            said = await connector.try_credential(context)
            if said is not None:
                return said
    return None


async def _shown_to(context: Context, url: str | None) -> str | None:
    if url is None:
        return None
    credential = context.opened(HttpCredential)
    name, value = credential.header()
    response = await context.http.request("GET", url, headers={name: value})
    if not 200 <= response.status < 300:
        raise status_error(response, context.now(), credential)
    return f"{url} answered {response.status}"
