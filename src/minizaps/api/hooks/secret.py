"""The secrets that sign the calls of a hook."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from minizaps.api.problems import HttpProblem
from minizaps.app import App
from minizaps.credentials.credential import Credential
from minizaps.credentials.types import Hmac
from minizaps.errors import CredentialUnusable, SettingsInvalid
from minizaps.triggers.signature import ENV, read_secret

logger = logging.getLogger("minizaps.api")


class Vault(Protocol):
    """What opens credentials."""

    async def open(self, project: str, name: str) -> Credential:
        """The credential of a name.

        Raises:
            CredentialUnusable: there is none, or it cannot be opened.
        """


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
        except (CredentialUnusable, SettingsInvalid) as error:
            reasons.append(f"{name}: {error}")
    if reasons:
        logger.error("a secret that signs a hook's calls cannot be read: %s", "; ".join(reasons))
    if not found:
        detail = "the secret of this hook is not set up on the server"
        raise HttpProblem(503, "Not set up", detail, {"Retry-After": "60"})
    return found


async def secret_of(app: App, project: str, name: str) -> Hmac:
    """One secret: a credential's, or that of an environment variable (`env:NAME`).

    Raises:
        CredentialUnusable, SettingsInvalid: it cannot be read.
    """
    if name.startswith(ENV):
        return read_secret(name)
    vault: Vault | None = getattr(app, "vault", None)
    if vault is None:
        raise CredentialUnusable("credentials are not kept on this server")
    credential = await vault.open(project, name)
    if not isinstance(credential, Hmac):
        raise CredentialUnusable(f"the credential is of type {credential.type}, not hmac")
    return credential
