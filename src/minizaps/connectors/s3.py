"""The `s3` connector."""

from __future__ import annotations

import binascii
from base64 import b64decode
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from minizaps.connectors.actions import ActionConfig, Fields
from minizaps.connectors.base import BaseConnector, Context
from minizaps.connectors.outbound import HttpResponse
from minizaps.connectors.responses import read_body
from minizaps.connectors.s3_bucket import Bucket, read_xml
from minizaps.credentials.types import S3
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import ConnectorError

_KEY_HEADER = "x-amz-meta-idempotency-key"


class S3Config(ActionConfig):
    """What to do with which object of a bucket."""

    actions: ClassVar = {
        "put": Fields(needs=("key",), takes=("text", "base64", "content_type", "if_none_match")),
        "get": Fields(needs=("key",)),
        "head": Fields(needs=("key",)),
        "delete": Fields(needs=("key",)),
        "list": Fields(takes=("prefix", "limit", "after")),
        "link": Fields(needs=("key",), takes=("expires",)),
    }

    action: Literal["put", "get", "head", "delete", "list", "link"] = Field(
        description="What to do; `link` makes an address under which anyone may get the object."
    )
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="Its name.")
    key: str | None = Field(
        default=None, min_length=1, max_length=1024, description="The object's key (not for list)."
    )
    text: str | None = Field(default=None, description="put: the content as text.")
    base64: str | None = Field(default=None, description="put: the content as base64.")
    content_type: str | None = Field(
        default=None, min_length=1, description="put: such as `text/csv`."
    )
    if_none_match: bool = Field(
        default=False, description="put: only if there is no such object; else it is replaced."
    )
    prefix: str = Field(default="", description="list: what the keys begin with.")
    limit: int = Field(default=100, ge=1, le=1000, description="list: the most objects to name.")
    after: str | None = Field(default=None, description="list: the key after which to go on.")
    expires: int = Field(
        default=3600, ge=1, le=604_800, description="link: for how many seconds it is good."
    )

    @field_validator("key")
    @classmethod
    def _can_be_asked_for(cls, key: str | None) -> str | None:
        if key is not None and {".", ".."} & set(key.split("/")):
            raise ValueError("the key has a part . or .., which no URL can have")
        return key

    @field_validator("base64")
    @classmethod
    def _decodes(cls, content: str | None) -> str | None:
        try:
            b64decode(content or "", validate=True)
        except binascii.Error:
            raise ValueError("is not base64") from None
        return content

    @model_validator(mode="after")
    def _has_one_content(self) -> S3Config:
        if self.action == "put" and (self.text is None) == (self.base64 is None):
            raise ValueError("the action put needs exactly one of text and base64")
        return self


class S3Connector(BaseConnector[S3Config]):
    """Puts, gets, deletes and lists objects of S3, or of a server that speaks its protocol.

    The outputs are, for put `{"etag"}`; for get `{"body", "etag", "content_type", "size"}`, with
    the body as the step type `webhook` has it, and `"encoding": "base64"` beside it where it is not
    text; for head `{"exists", "etag", "content_type", "size"}`; for delete `{"deleted"}`, the key;
    for list `{"objects": [{"key", "size", "etag", "modified_at"}], "next"}`, with the key for
    `after` if there are more, else null; for link `{"url", "expires_at"}`.

    All actions may be repeated. A put with `if_none_match` notes the idempotency key in the
    object's metadata, by which a repeated attempt knows its own object.
    """

    idempotent = True
    retry = RetryPolicy(max_attempts=5, delay=2, backoff=2, max_delay=60, jitter=True)
    credential = (S3,)
    credential_required = True

    async def execute(self, context: Context) -> dict[str, Any]:
        bucket = Bucket(context, self.config.bucket)
        key = self.config.key or ""
        match self.config.action:
            case "put":
                return await self._put(bucket, key)
            case "get":
                response = _checked(bucket, await bucket.send("GET", key))
                return {**read_body(response), **_facts(response)}
            case "head":
                response = await bucket.send("HEAD", key)
                if response.status == HTTPStatus.NOT_FOUND:
                    return {"exists": False, "etag": None, "content_type": None, "size": None}
                return {"exists": True, **_facts(_checked(bucket, response))}
            case "delete":
                _checked(bucket, await bucket.send("DELETE", key))
                return {"deleted": key}
            case "link":
                return self._link(bucket, key)
        return await self._list(bucket)

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        """See `BaseConnector`. Who may not list the buckets is known all the same."""
        service = Bucket(context)
        response = await service.send("GET")
        if response.status != HTTPStatus.OK:
            error = service.error(response)
            if error.details.get("code") != "AccessDenied":
                raise error
        return "S3 accepts the key"

    async def _put(self, bucket: Bucket, key: str) -> dict[str, Any]:
        config, own = self.config, bucket.context.idempotency_key
        if config.base64 is None:
            body, content_type = (config.text or "").encode(), "text/plain; charset=utf-8"
        else:
            body, content_type = b64decode(config.base64), "application/octet-stream"
        headers = {"content-type": config.content_type or content_type}
        if config.if_none_match:
            headers |= {"if-none-match": "*", _KEY_HEADER: own}
        response = await bucket.send("PUT", key, headers=headers, body=body)
        if response.status == HTTPStatus.PRECONDITION_FAILED:
            present = await bucket.send("HEAD", key)
            if present.headers.get(_KEY_HEADER) == own:
                response = present
        return {"etag": _etag(_checked(bucket, response))}

    async def _list(self, bucket: Bucket) -> dict[str, Any]:
        config = self.config
        query = {"list-type": "2", "max-keys": str(config.limit), "prefix": config.prefix}
        if config.after is not None:
            query["start-after"] = config.after
        response = _checked(bucket, await bucket.send("GET", query=query))
        listed = read_xml(response, "ListBucketResult", lists=("Contents",))
        objects = [
            {
                "key": each["Key"],
                "size": int(each["Size"]),
                "etag": each["ETag"].strip('"'),
                "modified_at": each["LastModified"],
            }
            for each in listed.get("Contents", ())
        ]
        more = objects and listed.get("IsTruncated") == "true"
        return {"objects": objects, "next": objects[-1]["key"] if more else None}

    def _link(self, bucket: Bucket, key: str) -> dict[str, Any]:
        if bucket.credential.session_token is not None:
            problem = "a link would show the credential's session_token: use one without"
            raise ConnectorError(problem, type="config")
        until = bucket.context.now() + timedelta(seconds=self.config.expires)
        return {
            "url": bucket.link(key, self.config.expires),
            "expires_at": until.isoformat(timespec="seconds"),
        }


def _checked(bucket: Bucket, response: HttpResponse) -> HttpResponse:
    if not 200 <= response.status < 300:
        raise bucket.error(response)
    return response


def _etag(response: HttpResponse) -> str:
    return response.headers.get("etag", "").strip('"')


def _facts(response: HttpResponse) -> dict[str, Any]:
    return {
        "etag": _etag(response),
        "content_type": response.headers.get("content-type"),
        "size": int(response.headers.get("content-length", len(response.body))),
    }
