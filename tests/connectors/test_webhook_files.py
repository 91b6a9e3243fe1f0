from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from aiohttp import BodyPartReader, web
from pydantic import ValidationError

from minizaps.connectors.base import Context
from minizaps.connectors.responses import file_name
from minizaps.connectors.webhook import WebhookConfig, WebhookConnector
from minizaps.errors import ConnectorError, ResponseRefused

PNG = b"\x89PNG\r\n\x00--"


async def send(context: Context, **config: Any) -> dict[str, Any]:
    return await WebhookConnector(WebhookConfig.model_validate(config)).execute(context)


async def parts(request: web.Request) -> web.Response:
    """Answers what it has read: name, file name, type and bytes of each part."""
    read = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        content = b64encode(await part.read()).decode()
        read.append([part.name, part.filename, part.headers.get("Content-Type"), content])
    return web.json_response(read)


def encoded(content: bytes) -> str:
    return b64encode(content).decode()


async def test_fields_and_files_are_sent(context, serve) -> None:
    files = [
        {"name": "doc", "filename": "Grüße.txt", "content": "ü", "content_type": "text/plain"},
        {"name": "pic", "filename": "a.png", "content_base64": encoded(PNG)},
    ]
    multipart = {"fields": {"title": "Hi\r\nthere", "n": 7}, "files": files}
    output = await send(context, url=await serve(parts), multipart=multipart)
    assert output["body"] == [
        ["title", None, None, encoded(b"Hi\r\nthere")],
        ["n", None, None, encoded(b"7")],
        ["doc", "Grüße.txt", "text/plain", encoded("ü".encode())],
        ["pic", "a.png", "application/octet-stream", encoded(PNG)],
    ]


async def test_the_body_is_the_same_for_each_attempt(context, serve) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response([request.content_type, await request.text()])

    config = {"url": await serve(echo), "multipart": {"fields": {"a": "b"}}}
    first, second = [(await send(context, **config))["body"] for _ in range(2)]
    assert first == second
    assert first[0] == "multipart/form-data"


@pytest.mark.parametrize("text", ['x"; filename="y', "x\r\nX-Evil: 1\r\n\r\nbody", "x\0"])
async def test_a_name_cannot_make_headers_or_parts(context, serve, text: str) -> None:
    multipart = {
        "fields": {text: "a"},
        "files": [{"name": text, "filename": text, "content": "--mini-zaps\r\n"}],
    }
    body = (await send(context, url=await serve(parts), multipart=multipart))["body"]
    assert len(body) == 2
    assert body[0][1:] == [None, None, encoded(b"a")]
    assert body[1][2:] == ["application/octet-stream", encoded(b"--mini-zaps\r\n")]
    assert not any(c in str(body) for c in "\r\n\0")


@pytest.mark.parametrize("content_type", ["text/plain\r\nX: 1", "text", "a/b; c=\r\n", "a/b;\n"])
def test_a_media_type_cannot_make_headers(content_type: str) -> None:
    file = {"name": "a", "filename": "b", "content": "", "content_type": content_type}
    with pytest.raises(ValidationError, match="pattern"):
        WebhookConfig(url="https://a.test", multipart={"files": [file]})


async def test_what_is_no_base64_is_a_typed_error(context, serve) -> None:
    files = [{"name": "a", "filename": "b.txt", "content_base64": "a b"}]
    with pytest.raises(ConnectorError, match=r"the file 'b\.txt' is not Base64") as failed:
        await send(context, url=await serve(parts), multipart={"files": files})
    assert failed.value.type == "bad_request"


def served(body: bytes, **headers: str) -> Any:
    async def answer(request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, headers=named)

    return answer


async def test_a_response_is_taken_as_a_file_and_sent_on(context, serve) -> None:
    answer = served(PNG, Content_Type="image/png", Content_Disposition='inline; filename="a.png"')
    output = await send(context, method="GET", url=await serve(answer), response="file")
    assert output["body"] == {
        "filename": "a.png",
        "content_type": "image/png",
        "size": len(PNG),
        "content_base64": encoded(PNG),
    }
    file = output["body"]
    del file["size"]
    sent = await send(
        context, url=await serve(parts), multipart={"files": [file | {"name": "pic"}]}
    )
    assert sent["body"] == [["pic", "a.png", "image/png", encoded(PNG)]]


async def test_an_empty_file_has_no_bytes(context, serve) -> None:
    url = await serve(served(b"", Content_Type="text/csv")) + "/reports/day.csv?x=1"
    output = await send(context, method="GET", url=url, response="file")
    assert output["body"]["size"] == 0
    assert output["body"]["filename"] == "day.csv"


@pytest.mark.parametrize(
    ("kind", "content_type", "body", "read"),
    [
        ("json", "text/plain", b'{"a": 1}', {"body": {"a": 1}}),
        ("json", "text/plain", b"", {"body": None}),
        ("text", "application/json", b'{"a": 1}', {"body": '{"a": 1}'}),
        ("text", "application/x-thing", b"caf\xe9", {"body": "caf\ufffd"}),
        ("auto", "text/plain", b'{"a": 1}', {"body": '{"a": 1}'}),
    ],
)
async def test_a_response_is_read_as_what_is_asked_for(
    context, serve, kind: str, content_type: str, body: bytes, read: dict
) -> None:
    url = await serve(served(body, Content_Type=content_type))
    output = await send(context, url=url, response=kind)
    assert {name: output[name] for name in output if name in ("body", "encoding")} == read


async def test_what_should_be_json_and_is_not_is_refused(context, serve) -> None:
    with pytest.raises(ResponseRefused, match="should be JSON"):
        await send(context, url=await serve(served(b"<p>")), response="json")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename=a.txt; size=1", "a.txt"),
        ("attachment; filename=x; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
        ("attachment; filename*=iso-8859-1'de'%FC.txt", "ü.txt"),
        ("attachment; filename*=punycode''x; filename=ok.txt", "ok.txt"),
        (r'attachment; filename="a\"b.txt"', 'a"b.txt'),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="C:\\dir\\a.txt"', "a.txt"),
        ("attachment; filename*=UTF-8''..%2F..%2Fa.txt", "a.txt"),
        ("attachment; filename*=UTF-8''a%0D%0Ab%00.txt", "ab.txt"),
        ('attachment; filename=".."', None),
        ('attachment; filename=""', None),
        ("attachment; filename=" + "x" * 999, "x" * 255),
        ('attachment; xfilename="no"', "report.pdf"),
        ("", "report.pdf"),
        ('filename="' + "\\" * 30_000, None),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_the_name_of_a_file(disposition: str, name: str | None) -> None:
    assert file_name(disposition, "https://a.test/x/report.pdf?y=/z") == name


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"multipart": {}, "text": "x"}, "at most one"),
        ({"multipart": {"files": [{"name": "a", "filename": "b"}]}}, "exactly one of content"),
        ({"multipart": {}, "headers": {"content-type": "x/y"}}, "set by multipart"),
        ({"response": "xml"}, "Input should be"),
    ],
)
def test_what_is_no_form_is_refused(config: dict, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        WebhookConfig.model_validate({"url": "https://a.test"} | config)
