"""Signature Version 4 of requests to S3.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote

from minizaps.credentials.types import S3

_ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"


def escape(text: str, *, slash: str = "") -> str:
    """A text as it stands in a URL: all but letters, digits and `-._~` as `%XX`."""
    return quote(text, safe="-._~" + slash)


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for.

    Attributes:
        path: escaped.
        query: names and values, not escaped.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str]

    @property
    def query_string(self) -> str:
        """The query, escaped and sorted by its names."""
        pairs = sorted((escape(name), escape(value)) for name, value in self.query.items())
        return "&".join(f"{name}={value}" for name, value in pairs)


def signed_headers(
    target: Target, headers: Mapping[str, str], body: bytes, credential: S3, now: datetime
) -> dict[str, str]:
    """The headers to send: the given ones, and those that sign all of them.

    Args:
        headers: names in lower case, without `host`.
    """
    digest = sha256(body).hexdigest()
    own = {"x-amz-date": _time(now), "x-amz-content-sha256": digest}
    if credential.session_token is not None:
        own["x-amz-security-token"] = credential.session_token.get_secret_value()
    sent = {**headers, **own}
    names, signature = _signature(target, {**sent, "host": target.host}, digest, credential, now)
    identity = f"Credential={credential.access_key_id}/{_scope(credential, now)}"
    sent["authorization"] = f"{_ALGORITHM} {identity},SignedHeaders={names},Signature={signature}"
    return sent


def signed_query(target: Target, credential: S3, now: datetime, seconds: int) -> str:
    """The query string that lets anyone make the request, for some seconds from now."""
    query = {
        **target.query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{credential.access_key_id}/{_scope(credential, now)}",
        "X-Amz-Date": _time(now),
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    target = Target(target.method, target.host, target.path, query)
    _, signature = _signature(target, {"host": target.host}, UNSIGNED, credential, now)
    return f"{target.query_string}&X-Amz-Signature={signature}"


def _signature(
    target: Target, headers: Mapping[str, str], digest: str, credential: S3, now: datetime
) -> tuple[str, str]:
    lines = [f"{name}:{' '.join(value.split())}\n" for name, value in sorted(headers.items())]
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        (target.method, target.path, target.query_string, "".join(lines), names, digest)
    )
    scope = _scope(credential, now)
    hashed = sha256(canonical.encode()).hexdigest()
    text = "\n".join((_ALGORITHM, _time(now), scope, hashed))
    key = b"AWS4" + credential.secret_access_key.get_secret_value().encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return names, hmac.digest(key, text.encode(), "sha256").hex()


def _time(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _scope(credential: S3, now: datetime) -> str:
    return f"{_time(now)[:8]}/{credential.region}/s3/aws4_request"
