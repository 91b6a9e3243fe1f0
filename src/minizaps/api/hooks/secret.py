"""The secrets that sign the calls of a hook."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from minizaps.api.problems import HttpProblem
from minizaps.app import App
from minizaps.credentials.types import Hmac
from minizaps.errors import CredentialUnusable

logger = logging.getLogger("minizaps.api")


async def secrets_of(app: App, project: str, names: Sequence[str]) -> list[Hmac]:
    """The secrets that a trigger names.

    While a secret is changed, one of several may be missing: what is there counts.

    Raises:
        HttpProblem: 503; none can be opened.
    """
    found, reasons = [], []
    for name in names:
        try:
            found.append(await secret_of(app, project, name))
        except CredentialUnusable as error:
            reasons.append(f"{name}: {error}")
    if reasons:
        logger.error("a secret that signs a hook's calls cannot be read: %s", "; ".join(reasons))
    if not found:
        detail = "the secret of this hook is not set up on the server"
        raise HttpProblem(503, "Not set up", detail, {"Retry-After": "60"})
    return found


async def secret_of(app: App, project: str, name: str) -> Hmac:
    """The secret of a credential.

    Raises:
        CredentialUnusable: it cannot be opened, or is of another type.
    """
    credential = await app.vault.open(project, name)
    if not isinstance(credential, Hmac):
        raise CredentialUnusable(f"the credential is of type {credential.type}, not hmac")
    return credential
