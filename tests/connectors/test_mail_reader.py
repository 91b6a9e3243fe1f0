"""Mails of all kinds are read, also those that are none."""

from __future__ import annotations

import random

import orjson
import pytest

from minizaps.connectors.mail_reader import LONGEST_TEXT, read_mail

MIXED = b"""From: a@acme.test
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

caf=E9
--b
Content-Type: text/plain; charset="no-such"

second
--b
Content-Type: text/csv
Content-Disposition: attachment; filename*=utf-8''%C3%BC.csv

1,2
--b--
"""


def test_texts_are_put_together_and_files_are_apart() -> None:
    mail = read_mail(MIXED, 100)
    assert mail["text"] == "café\nsecond"
    assert mail["html"] is None
    assert mail["attachments"] == [
        {"filename": "ü.csv", "content_type": "text/csv", "size": 3, "content_base64": "MSwy"}
    ]
    assert not mail["truncated"]
    assert (mail["date"], mail["subject"]) == (None, None)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: \xff\xfe caf\xe9\0\r\n\r\nbody\0 \xff",
        b"From: <<<@@>>>\r\nTo: =?utf-8?q?=0d=0a?=\r\nDate: yesterday\r\n\r\n",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b',
        b"Content-Type: text/html; charset=unicode_escape\r\n\r\n\\ud800",
        b"Content-Transfer-Encoding: base64\r\n\r\n%%%",
        b"Content-Disposition: attachment; filename*=x'y'%\r\n\r\nx",
        b"Content-Type: message/rfc822\r\n\r\n" * 50,
        b"Subject: " + b"x" * 100_000 + b"\r\n\r\n",
        b"".join(
            b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n)
            for n in range(2000)
        ),
    ],
    ids=range(12),
)
def test_what_is_broken_is_read_as_far_as_it_goes(raw: bytes) -> None:
    assert len(orjson.dumps(read_mail(raw, 100))) < 30_000


def test_what_is_too_long_is_cut_and_told() -> None:
    mail = read_mail(b"Subject: a\r\n\r\n" + b"x" * (LONGEST_TEXT + 1), 0)
    assert len(mail["text"]) == LONGEST_TEXT
    assert mail["truncated"]


def test_no_mail_is_more_than_a_step_may_put_out() -> None:
    quotes, longest = b'"' * 2_000_000, b"x" * 5_000
    headers = b"".join(b"X-%d: %s\r\n" % (n, quotes[:5000]) for n in range(500))
    part = b"--b\r\nContent-Type: %s\r\n%s\r\n\r\n%s\r\n"
    named = b'Content-Disposition: attachment; filename="%s"' % longest
    parts = [part % (b"text/plain", b"X: 1", quotes), part % (b"text/html", b"X: 1", quotes)]
    parts += [part % (b"x/" + longest, named, b"y" * 60_000)] * 500
    start = headers + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    mail = read_mail(start + b"".join(parts), 65_536)
    assert len(orjson.dumps(mail)) < 2**20
    assert mail["truncated"]


def test_mails_with_random_damage_are_read() -> None:
    chance = random.Random(7)
    for _ in range(300):
        raw = bytearray(MIXED)
        for _ in range(chance.randrange(1, 20)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        orjson.dumps(read_mail(bytes(raw), 100))
