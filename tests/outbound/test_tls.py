"""Certificates are checked, and secrets do not go from TLS to plain text."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from minizaps.connectors.outbound import HttpClient
from minizaps.errors import NetworkFailed

from .conftest import LOOPBACK
from .test_redirects import SECRETS, redirect
from .test_requests import echo

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the key")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *subject, *files], check=True, capture_output=True)
    return certificate, key


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trust(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate[0]))


async def test_an_untrusted_certificate_is_refused_for_good(serve, server_tls) -> None:
    base = await serve(echo, ssl_context=server_tls)
    async with HttpClient(allow_networks=LOOPBACK) as client:
        with pytest.raises(NetworkFailed, match="certificate is not trusted") as failed:
            await client.request("GET", base)
    assert not failed.value.retryable


async def test_a_certificate_for_another_name_is_refused(serve, server_tls, trust) -> None:
    base = await serve(echo, ssl_context=server_tls)
    async with HttpClient(allow_networks=LOOPBACK, tls=trust) as client:
        assert (await client.request("GET", base)).status == 200
        with pytest.raises(NetworkFailed, match="certificate is not trusted"):
            await client.request("GET", base.replace("127.0.0.1", "localhost"))


async def test_plain_http_where_tls_is_expected_may_be_tried_again(serve, client) -> None:
    base = await serve(echo)
    with pytest.raises(NetworkFailed) as failed:
        await client.request("GET", base.replace("http:", "https:"))
    assert failed.value.retryable


async def test_secrets_do_not_go_from_tls_to_plain_text(serve, server_tls, trust) -> None:
    plain = await serve(echo)
    base = await serve(redirect(f"{plain}/end"), ssl_context=server_tls)
    async with HttpClient(allow_networks=LOOPBACK, tls=trust) as client:
        response = await client.request("GET", base, headers=SECRETS)
    assert (
        not {"authorization", "cookie", "x-api-key"} & json.loads(response.body)["headers"].keys()
    )
