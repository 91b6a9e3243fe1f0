"""Bodies of hooks: files, character sets, compression, any bytes; and what is no such thing."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minizaps.api.hooks.body import parse_body
from minizaps.api.hooks.compression import decompress
from minizaps.api.hooks.multipart import parse_multipart, plain_filename
from minizaps.api.problems import HttpProblem
from minizaps.definition.strict_json import check_json
from minizaps.errors import JsonInvalid, LimitExceeded
from tests.api.hooking import body_seen, hook_with, runs
from tests.api.support import Server

FORM = "multipart/form-data; boundary=x"


def part(head: str, content: bytes = b"1") -> bytes:
    return f"--x\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def named(rest: str) -> str:
    return f"Content-Disposition: form-data; {rest}"


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("image/png", b"\x89PNG", {"content_type": "image/png", "size": 4,
                                   "content_base64": "iVBORw=="}),
        ("application/octet-stream", b"a\0", {"content_type": "application/octet-stream",
                                              "size": 2, "content_base64": "YQA="}),
        ("text/plain; charset=ISO-8859-1", b"gr\xfc\xdf", "grüß"),
        ("text/plain; charset=\"utf-16\"", "grüß".encode("utf-16"), "grüß"),
        ("text/csv", "\ufeffa;b".encode(), "a;b"),
        ("application/xml", b"<a>\xc3\xbc</a>", "<a>ü</a>"),
        ("application/atom+xml; charset=windows-1252", b"<a>\x80</a>", "<a>€</a>"),
        ("text/xml", b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xfc</a>',
         '<?xml version="1.0" encoding="ISO-8859-1"?><a>ü</a>'),
        ("application/json", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("application/json; charset=utf-8", '"ü"'.encode(), "ü"),
        ("application/json; charset=iso-8859-1", b'"\xfc"', "ü"),
        ("application/x-www-form-urlencoded; charset=iso-8859-1", b"a=%FC", {"a": "ü"}),
        ("multipart/mixed; boundary=x", b"--x--", {"content_type": "multipart/mixed", "size": 5,
                                                   "content_base64": "LS14LS0="}),
    ],
)  # fmt: skip
async def test_any_content_type_is_data(
    server: Server, kind: str, content: bytes, expected: Any
) -> None:
    hook = await hook_with(server)
    answer = await server.client().post(hook, content=content, headers={"content-type": kind})
    assert await body_seen(server, answer) == expected


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("text/plain; charset=rot13", b"a", 415),
        ("text/plain; charset=idna", b"a", 415),
        ("text/plain; charset=no\0such", b"a", 415),
        ("text/plain; charset=ascii", b"\xfc", 400),
        ("application/json; charset=ascii", b'"\xfc"', 400),
        ("application/xml", b"<a>\0</a>", 400),
        ("json", b"{}", 415),
        ("a/b/c", b"{}", 415),
        ("multipart/form-data", b"--x--", 400),
        (FORM, b"", 0),
        (FORM, b"garbage", 400),
        (FORM, part(named('name="a"')), 400),
        (FORM, part("X: y") + b"--x--", 400),
        (FORM, part(named("a=b")) + b"--x--", 400),
        (FORM, part("Content-Disposition: attachment; name=a") + b"--x--", 400),
        (FORM, part(named('name="a"'), b"\xff") + b"--x--", 400),
        (FORM, part(named('name="a"'), b"\0") + b"--x--", 400),
        (FORM, part(named('name="a\0b"')) + b"--x--", 400),
        (FORM, part(named("name=a\r\nContent-Transfer-Encoding: base64")) + b"--x--", 400),
        (FORM, part(named("name=a\r\nContent-Type: text/plain; charset=zip")) + b"--x--", 415),
        (FORM, part("\r\n".join(f"X{n}: y" for n in range(50))) + b"--x--", 400),
        (FORM, part(named(f'name="{"a" * 20_000}"')) + b"--x--", 400),
        (f"multipart/form-data; boundary={'x' * 300}", b"a", 400),
    ],
)
def test_what_it_is_not_is_refused(kind: str, content: bytes, status: int) -> None:
    if not status:
        assert parse_body(content, kind) is None
        return
    with pytest.raises(HttpProblem) as caught:
        parse_body(content, kind)
    assert caught.value.status_code == status
    assert caught.value.detail


async def test_a_form_with_files_is_an_object(server: Server) -> None:
    hook = await hook_with(server)
    files = [
        ("doc", ("../../etc/päss.txt", b"\x00\xff", "text/plain")),
        ("doc", ("b.bin", b"", "image/png")),
    ]
    fields = {"name": "Ädä", "tags": ["a", "b", "c"]}
    answer = await server.client().post(hook, data=fields, files=files)
    assert await body_seen(server, answer) == {
        "name": "Ädä",
        "tags": ["a", "b", "c"],
        "doc": [
            {"filename": "päss.txt", "content_type": "text/plain", "size": 2,
             "content_base64": "AP8="},
            {"filename": "b.bin", "content_type": "image/png", "size": 0, "content_base64": ""},
        ],
    }  # fmt: skip


def test_a_file_that_nobody_chose_is_null() -> None:
    empty = part(named('name="photo"; filename=""'), b"")
    assert parse_multipart(empty + b"--x--", FORM) == {"photo": None}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a.txt", "a.txt"),
        ("C:\\Users\\a.txt", "a.txt"),
        ("/etc/passwd", "passwd"),
        ("..", "file"),
        ("../", "file"),
        ("", "file"),
        ("a\0\r\nb", "ab"),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_filename_is_only_a_name(given: str, kept: str) -> None:
    assert plain_filename(given) == kept


def test_a_form_has_so_many_parts_and_no_more() -> None:
    parts = [part(named(f'name="a{n}"')) for n in range(1001)]
    assert len(parse_multipart(b"".join(parts[:1000]) + b"--x--", FORM)) == 1000
    with pytest.raises(HttpProblem, match="1000 parts"):
        parse_multipart(b"".join(parts) + b"--x--", FORM)


async def test_a_repeated_form_is_one_run_though_its_boundary_differs(server: Server) -> None:
    hook = await hook_with(server)
    for _ in range(2):
        answer = await server.client().post(
            hook, files={"f": ("a", b"1")}, headers={"webhook-id": "m"}
        )
        assert answer.status_code == 202
    other = await server.client().post(hook, files={"f": ("a", b"2")}, headers={"webhook-id": "m"})
    assert other.status_code == 422
    assert len(await runs(server)) == 1


@pytest.mark.parametrize(
    ("coding", "compress"),
    [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress),
     ("GZIP", gzip.compress), ("identity", bytes), ("", bytes)],
)  # fmt: skip
async def test_a_compressed_body_is_read(
    server: Server, coding: str, compress: Callable[[bytes], bytes]
) -> None:
    hook = await hook_with(server, raw=True)
    content = compress(b'{"a": 1}')
    headers = {"content-type": "application/json", "content-encoding": coding}
    answer = await server.client().post(hook, content=content, headers=headers)
    assert await body_seen(server, answer) == {"a": 1}
    await server.settle()
    run = await server.look(answer.json()["run_id"])
    assert base64.b64decode(run["output"]["raw"]) == content


def test_a_compressed_body_is_bounded_and_whole() -> None:
    bomb = gzip.compress(bytes(10**7))
    with pytest.raises(LimitExceeded, match="1048576 bytes at most"):
        decompress(bomb, "gzip", 2**20)
    good = gzip.compress(b"abc")
    assert decompress(good, "gzip", 3) == b"abc"
    for broken in (b"abc", good[:-1], good[:5], good + b"x", good + good):
        with pytest.raises(HttpProblem) as caught:
            decompress(broken, "gzip", 2**20)
        assert caught.value.status_code == 400


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "\xff"])
async def test_another_coding_is_415_and_told_what_will_do(server: Server, coding: str) -> None:
    hook = await hook_with(server)
    headers = {"content-encoding": coding.encode("latin-1")}
    answer = await server.client().post(hook, content=b"x", headers=headers)
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, deflate"


async def test_the_raw_body_is_kept_only_where_it_is_asked_for(server: Server) -> None:
    for raw, kept in ((False, None), (True, "eyJhIjogMX0=")):
        hook = await hook_with(server, raw=raw)
        answer = await server.client().post(hook, content=b'{"a": 1}')
        await server.settle()
        assert (await server.look(answer.json()["run_id"]))["output"]["raw"] == kept
        await server.admin.delete("/api/v1/workflows/flow")


def read_or_refused(read: Callable[[], Any]) -> None:
    """What is read can be kept; everything else is refused, by nothing but these."""
    with suppress(HttpProblem, JsonInvalid, LimitExceeded):
        found = read()
        check_json(found)
        assert orjson.loads(orjson.dumps(found)) == found


pieces = st.lists(
    st.sampled_from(
        [b"--x", b"--", b"\r\n", b"\n", b"--x--", b"Content-Disposition: form-data; ", b'name="a"',
         b'; filename="b"', b"Content-Type: text/plain; charset=utf-16", b"\0", b"\xff", b"a", b":"]
    )
    | st.binary(max_size=6),
    max_size=30,
).map(b"".join)  # fmt: skip


@given(pieces)
@settings(max_examples=300, deadline=None)
def test_a_form_of_any_bytes_is_read_or_refused(content: bytes) -> None:
    read_or_refused(lambda: parse_multipart(content, FORM))


@given(
    st.binary(max_size=60),
    st.sampled_from(["text/plain", "application/xml", "application/json", "a/b",
                     "application/x-www-form-urlencoded", "multipart/form-data"]),
    st.text(st.characters(max_codepoint=255), max_size=30),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_any_header_of_any_body_is_read_or_refused(content: bytes, kind: str, rest: str) -> None:
    for content_type in (kind, f"{kind}; {rest}", f"{kind}; charset={rest}", rest):
        read_or_refused(lambda kind=content_type: parse_body(content, kind))  # type: ignore[misc]


@given(st.binary(max_size=100), st.integers(0, 99), st.binary(max_size=4))
@settings(max_examples=200, deadline=None)
def test_broken_compression_is_read_or_refused(data: bytes, at: int, other: bytes) -> None:
    packed = gzip.compress(data)
    read_or_refused(lambda: len(decompress(packed[:at] + other + packed[at:], "gzip", 50)))
