from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.s3 import S3Config, S3Connector
from minizaps.connectors.s3_bucket import Bucket
from minizaps.credentials.types import S3
from minizaps.errors import ConnectorError, CredentialRefused

from .s3_server import KEY_ID, REGION, SECRET, S3Server

ODD_KEYS = [
    "a b+c&d=e(f)*!'~@:,;$ü%/x//y#z?.json",
    "/leading/and/trailing/",
    '100%25 [a]{b}|^`\\"<>',
    "日本/😀.txt",
]


@pytest.fixture
def server() -> S3Server:
    return S3Server()


@pytest.fixture
async def shown(context: Context, serve: Any, server: S3Server) -> Context:
    endpoint = await serve(server.answer)
    return replace(context, credential=credential(endpoint=endpoint))


def credential(**fields: Any) -> S3:
    return S3(**{"access_key_id": KEY_ID, "secret_access_key": SECRET, "region": REGION} | fields)


async def act(context: Context, action: str, **config: Any) -> dict[str, Any]:
    given = {"action": action, "bucket": "acme", **config}
    return await S3Connector(S3Config.model_validate(given)).execute(context)


@pytest.mark.parametrize("key", ["a.txt", *ODD_KEYS], ids=ascii)
async def test_what_was_put_is_got_by_its_key(shown: Context, server: S3Server, key: str) -> None:
    put = await act(shown, "put", key=key, text="Grüße")
    assert list(server.objects) == [key]
    got = await act(shown, "get", key=key)
    facts = {"etag": put["etag"], "content_type": "text/plain; charset=utf-8", "size": 7}
    assert got == {"body": "Grüße", **facts}
    assert await act(shown, "head", key=key) == {"exists": True, **facts}
    link = (await act(shown, "link", key=key))["url"]
    assert (await shown.http.request("GET", link)).body == "Grüße".encode()
    assert await act(shown, "delete", key=key) == {"deleted": key}
    assert server.objects == {}


@pytest.mark.parametrize(
    ("config", "content", "content_type", "output"),
    [
        ({"base64": "AP8="}, b"\x00\xff", "application/octet-stream",
         {"body": "AP8=", "encoding": "base64"}),
        ({"base64": "eA==", "content_type": "text/csv"}, b"x", "text/csv", {"body": "x"}),
        ({"text": '{"a": 1}', "content_type": "application/json"}, b'{"a": 1}',
         "application/json", {"body": {"a": 1}}),
        ({"text": ""}, b"", "text/plain; charset=utf-8", {"body": None}),
    ],
)  # fmt: skip
async def test_contents(
    shown: Context, server: S3Server, config: dict, content: bytes, content_type: str, output: dict
) -> None:
    await act(shown, "put", key="a", **config)
    assert server.objects["a"].content == content
    got = await act(shown, "get", key="a")
    assert got["content_type"] == content_type
    assert {name: got[name] for name in output} == output


async def test_a_long_content_is_put(shown: Context, server: S3Server) -> None:
    content = b"x" * 2_000_000
    await act(shown, "put", key="a", base64=b64encode(content).decode())
    assert server.objects["a"].content == content


async def test_objects_are_listed_in_pages(shown: Context) -> None:
    for key in ("a/1", "a/2 +&", "a/3", "b/1"):
        await act(shown, "put", key=key, text="x")
    first = await act(shown, "list", prefix="a/", limit=2)
    assert [each["key"] for each in first["objects"]] == ["a/1", "a/2 +&"]
    assert first["objects"][0] == {
        "key": "a/1",
        "size": 1,
        "etag": "9dd4e461268c8034f5c8564e155c67a6",
        "modified_at": "2030-01-31T12:00:00.000Z",
    }
    rest = await act(shown, "list", prefix="a/", limit=2, after=first["next"])
    assert ([each["key"] for each in rest["objects"]], rest["next"]) == (["a/3"], None)
    assert await act(shown, "list", prefix="c/") == {"objects": [], "next": None}


async def test_an_object_is_replaced_unless_it_is_not_to_be(
    shown: Context, server: S3Server
) -> None:
    await act(shown, "put", key="a", text="1")
    await act(shown, "put", key="a", text="2")
    with pytest.raises(ConnectorError, match="PreconditionFailed") as failed:
        await act(shown, "put", key="a", text="3", if_none_match=True)
    assert (failed.value.type, failed.value.details["status"]) == ("http_status", 412)
    assert server.objects["a"].content == b"2"


async def test_a_repeated_put_knows_its_own_object(shown: Context, server: S3Server) -> None:
    server.lost = 1  # the client repeats the request at once, and is told that there is an object
    put = await act(shown, "put", key="a", text="1", if_none_match=True)
    assert put == {"etag": server.objects["a"].etag.strip('"')}
    assert server.lost == 0
    assert await act(shown, "put", key="a", text="1", if_none_match=True) == put
    other = replace(shown, idempotency_key="another step's")
    with pytest.raises(ConnectorError, match="PreconditionFailed"):
        await act(other, "put", key="a", text="1", if_none_match=True)


async def test_what_is_not_there(shown: Context) -> None:
    head = await act(shown, "head", key="a")
    assert head == {"exists": False, "etag": None, "content_type": None, "size": None}
    with pytest.raises(ConnectorError, match="NoSuchKey") as failed:
        await act(shown, "get", key="a")
    assert (failed.value.type, failed.value.retryable) == ("http_status", False)
    with pytest.raises(ConnectorError, match="no such bucket at the credential's endpoint"):
        await act(shown, "get", key="a", bucket="other")
    await act(shown, "delete", key="a")


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (503, "SlowDown", True),
        (500, "InternalError", True),
        (409, "ConditionalRequestConflict", True),
        (400, "RequestTimeout", True),
        (403, "AccessDenied", False),
        (301, "PermanentRedirect", False),
    ],
)
async def test_errors(
    shown: Context, server: S3Server, status: int, code: str, retryable: bool
) -> None:
    server.failures = [(status, code)]
    with pytest.raises(ConnectorError, match=code) as failed:
        await act(shown, "get", key="a")
    assert failed.value.retryable == retryable


@pytest.mark.parametrize("wrong", [{"access_key_id": "other"}, {"secret_access_key": "other"}])
async def test_a_key_that_is_not_accepted_is_an_error_of_its_own(
    shown: Context, wrong: dict
) -> None:
    assert isinstance(shown.credential, S3)
    strange = replace(shown, credential=credential(endpoint=shown.credential.endpoint, **wrong))
    with pytest.raises(CredentialRefused):
        await act(strange, "put", key="a", text="x")
    with pytest.raises(CredentialRefused):
        await S3Connector.try_credential(strange)


async def test_a_key_is_tried_even_if_it_may_not_list_buckets(
    shown: Context, server: S3Server
) -> None:
    assert await S3Connector.try_credential(shown) == "S3 accepts the key"
    server.failures = [(503, "SlowDown")]
    with pytest.raises(ConnectorError, match="SlowDown"):
        await S3Connector.try_credential(shown)


@pytest.mark.parametrize(
    ("bucket", "fields", "address"),
    [
        ("acme", {}, "https://acme.s3.eu-central-1.amazonaws.com/a/b%20c?"),
        ("acme.test", {}, "https://s3.eu-central-1.amazonaws.com/acme.test/a/b%20c?"),
        ("acme", {"endpoint": "https://s3.test"}, "https://s3.test/acme/a/b%20c?"),
        ("acme", {"endpoint": "http://h:9000/x/"}, "http://h:9000/x/acme/a/b%20c?"),
        ("acme", {"endpoint": "https://h:443"}, "https://h/acme/a/b%20c?"),
    ],
)
async def test_where_a_bucket_is(context: Context, bucket: str, fields: dict, address: str) -> None:
    shown = replace(context, credential=credential(**fields))
    assert Bucket(shown, bucket).link("a/b c", 60).startswith(address)


async def test_a_link_does_not_show_a_session_s_token(context: Context) -> None:
    shown = replace(context, credential=credential(session_token="t"))
    with pytest.raises(ConnectorError, match="session_token"):
        await act(shown, "link", key="a")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"action": "put", "key": "a"}, "exactly one of text and base64"),
        ({"action": "put", "key": "a", "text": "", "base64": ""}, "exactly one"),
        ({"action": "put", "key": "a", "base64": "?"}, "not base64"),
        ({"action": "put", "text": "a"}, "needs key"),
        ({"action": "get", "key": "a/../b"}, "part . or .."),
        ({"action": "get", "key": "a", "text": "b"}, "takes no text"),
        ({"action": "list", "key": "a"}, "takes no key"),
        ({"action": "list", "bucket": "Acme"}, "pattern"),
    ],
)
def test_what_does_not_fit_the_action_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        S3Config.model_validate({"bucket": "acme", **config})
