"""The examples that Amazon has published, with their signatures:
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from minizaps.connectors.s3_signature import Target, signed_headers, signed_query
from minizaps.credentials.types import S3

CREDENTIAL = S3(
    access_key_id="AKIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)
HOST = "examplebucket.s3.amazonaws.com"
TIME = datetime(2013, 5, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "body", "names", "signature"),
    [
        (
            "GET", "/test.txt", {}, {"range": "bytes=0-9"}, b"",
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT", "/test%24file.text", {},
            {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            b"Welcome to Amazon S3.",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET", "/", {"lifecycle": ""}, {}, b"",
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET", "/", {"max-keys": "2", "prefix": "J"}, {}, b"",
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
    ids=["get an object", "put an object", "get a bucket's lifecycle", "list objects"],
)  # fmt: skip
def test_headers(
    method: str, path: str, query: dict, headers: dict, body: bytes, names: str, signature: str
) -> None:
    target = Target(method, HOST, path, query)
    sent = signed_headers(target, headers, body, CREDENTIAL, TIME)
    assert sent["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={names},Signature={signature}"
    )
    assert headers.items() <= sent.items()
    elsewhere = TIME.astimezone(timezone(timedelta(hours=9)))
    assert signed_headers(target, headers, body, CREDENTIAL, elsewhere) == sent


def test_a_link() -> None:
    query = signed_query(Target("GET", HOST, "/test.txt", {}), CREDENTIAL, TIME, 86400)
    assert query == (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


def test_a_query_is_sorted_by_its_names() -> None:
    target = Target("GET", HOST, "/", {"a-b": "1", "a": "2 +", "ü": "", "A": "/"})
    assert target.query_string == "%C3%BC=&A=%2F&a=2%20%2B&a-b=1"


def test_a_session_s_token_is_signed() -> None:
    session = CREDENTIAL.model_copy(update={"session_token": CREDENTIAL.secret_access_key})
    sent = signed_headers(Target("GET", HOST, "/", {}), {}, b"", session, TIME)
    assert sent["x-amz-security-token"] == session.session_token.get_secret_value()
    assert ";x-amz-security-token," in sent["authorization"]
