"""How a request to a described API proves who sends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote

from minizaps.connectors.base import Context
from minizaps.connectors.openapi.description import Scheme
from minizaps.connectors.openapi.request import Request
from minizaps.credentials.credential import AccessToken, Credential, HttpCredential
from minizaps.credentials.types import (
    GoogleServiceAccount,
    HttpBasic,
    HttpBearer,
    HttpHeader,
    Line,
    OAuth2,
)
from minizaps.errors import CredentialUnusable


class ApiKey(Credential):
    """A key that goes into a query or a cookie; the description of the API says where."""

    type: ClassVar[str] = "api_key"
    key: Line


TAKES: dict[str, tuple[type[Credential], ...]] = {
    "basic": (HttpBasic,),
    "bearer": (HttpBearer, OAuth2, GoogleServiceAccount),
    "oauth2": (OAuth2, GoogleServiceAccount, HttpBearer),
    "header": (HttpHeader,),
    "query": (ApiKey,),
    "cookie": (ApiKey,),
}
# What a credential of a type is opened as.
_OPENED: dict[type[Credential], type[Credential]] = {
    OAuth2: AccessToken,
    GoogleServiceAccount: AccessToken,
}


def prove(request: Request, schemes: Sequence[Scheme], context: Context) -> None:
    """Add to the request what one of the schemes asks for.

    Raises:
        CredentialUnusable: the step's credential fits none of them.
    """
    for scheme in schemes:
        if _fits(context.credential, scheme):
            _add(request, scheme, context)
            return
    wanted = " or ".join(dict.fromkeys(_wanted(scheme) for scheme in schemes))
    found = "none" if context.credential is None else context.credential.type
    raise CredentialUnusable(f"this action needs a credential, {wanted}, and has {found}")


def _wanted(scheme: Scheme) -> str:
    types = " or ".join(kind.type for kind in TAKES[scheme.kind])
    return f"{types} with the name {scheme.name}" if scheme.kind == "header" else types


def _fits(credential: Credential | None, scheme: Scheme) -> bool:
    kinds = TAKES[scheme.kind]
    opened = tuple(_OPENED.get(kind, kind) for kind in kinds)
    if isinstance(credential, HttpHeader):
        return scheme.kind == "header" and credential.name.lower() == scheme.name.lower()
    return isinstance(credential, opened)


def _add(request: Request, scheme: Scheme, context: Context) -> None:
    if scheme.kind not in ("query", "cookie"):
        name, value = context.opened(HttpCredential).header()
        request.headers[name] = value
        return
    key = context.opened(ApiKey).key.get_secret_value()
    if scheme.kind == "query":
        request.query[scheme.name] = [key]
    else:
        request.headers["Cookie"] = f"{scheme.name}={quote(key)}"
