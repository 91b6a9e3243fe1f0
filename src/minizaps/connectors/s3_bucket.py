"""Signed requests to a bucket of S3, or of a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pyexpat import ExpatError
from typing import Any

import xmltodict
from yarl import URL

from minizaps.connectors.base import Context
from minizaps.connectors.outbound import HttpResponse
from minizaps.connectors.responses import status_error
from minizaps.connectors.s3_signature import Target, escape, signed_headers, signed_query
from minizaps.credentials.types import S3
from minizaps.errors import ConnectorError, CredentialRefused, ResponseRefused

_REFUSED = frozenset(
    ("ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch")
)
_PASSING = frozenset(("ConditionalRequestConflict", "RequestTimeout"))
_HINTS = {
    "AccessDenied": "the credential's policy does not allow it",
    "AuthorizationHeaderMalformed": "see the credential's region",
    "NoSuchBucket": "there is no such bucket at the credential's endpoint and region",
    "PermanentRedirect": "the bucket is in another region than the credential says",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, seen by an attempt; with an empty name, the service itself.

    Amazon's buckets are asked by their host names; those of other servers, and those whose names
    have a dot, for which no certificate is made, by a path.
    """

    context: Context
    name: str = ""
    credential: S3 = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "credential", self.context.opened(S3))

    async def send(
        self,
        method: str,
        key: str = "",
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> HttpResponse:
        """Send a request.

        Raises:
            ConnectorError: as `HttpClient.request`.
        """
        base, target = self._target(method, key, query or {})
        now = self.context.now()
        return await self.context.http.request(
            method,
            f"{base}{target.path}?{target.query_string}",
            headers=signed_headers(target, headers or {}, body, self.credential, now),
            body=body or None,
            timeout=120,
            max_redirects=0,
        )

    def link(self, key: str, seconds: int) -> str:
        """The address under which anyone may get an object, for some seconds from now."""
        base, target = self._target("GET", key, {})
        query = signed_query(target, self.credential, self.context.now(), seconds)
        return f"{base}{target.path}?{query}"

    def error(self, response: HttpResponse) -> ConnectorError:
        """The error for a response that is not a success."""
        code, message = _code(response)
        if code in _REFUSED:
            return CredentialRefused(f"S3 does not accept the credential: {code}")
        reason = ": ".join(filter(None, (code, _HINTS.get(code, message))))
        error = status_error(response, self.context.now(), self.credential, reason)
        error.retryable = error.retryable or code in _PASSING
        error.details["code"] = code
        return error

    def _target(self, method: str, key: str, query: Mapping[str, str]) -> tuple[str, Target]:
        endpoint = self.credential.endpoint or f"https://s3.{self.credential.region}.amazonaws.com"
        base = URL(endpoint)
        host, path = base.host_port_subcomponent or "", base.raw_path.rstrip("/")
        if self.name and self.credential.endpoint is None and "." not in self.name:
            host = f"{self.name}.{host}"
        elif self.name:
            path = f"{path}/{self.name}"
        path = f"{path}/{escape(key, slash='/')}" if key or not path else path
        return f"{base.scheme}://{host}", Target(method, host, path, query)


def read_xml(response: HttpResponse, root: str, *, lists: tuple[str, ...] = ()) -> dict[str, Any]:
    """The elements inside the root of an XML response.

    Args:
        lists: the elements that are a list even if there is only one.

    Raises:
        ResponseRefused: it is not XML, or has another root.
    """
    try:
        found = xmltodict.parse(response.body, force_list=lists, strip_whitespace=False)
    except (ExpatError, ValueError) as error:
        raise ResponseRefused(f"S3 answered what is not XML: {error}") from None
    inside = found.get(root)
    if not isinstance(inside, dict):
        raise ResponseRefused(f"S3 answered XML without {root}")
    return inside


def _code(response: HttpResponse) -> tuple[str, str]:
    """An error's code and message; a response to HEAD has none."""
    try:
        error = read_xml(response, "Error")
    except ResponseRefused:
        return "", ""
    return str(error.get("Code", "")), str(error.get("Message", ""))
