"""The fixtures `certificate` and `dovecot_server`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.dovecot import DovecotServer, find_dovecot
from tests.servers.missing import missing
from tests.servers.places import new_folder


@pytest.fixture(scope="session")
def certificate() -> Iterator[tuple[Path, Path]]:
    """A certificate for `localhost` that only itself vouches for, and its key."""
    folder = new_folder("tls")
    folder.chmod(0o755)  # servers run as other users
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", "/CN=test", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *subject, *files], check=True, capture_output=True)
    yield certificate, key
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def dovecot_server(certificate: tuple[Path, Path]) -> Iterator[DovecotServer]:
    """An IMAP server for the tests of this process. A test that stops it starts it again."""
    if find_dovecot() is None:
        missing("Dovecot")
    with DovecotServer(*certificate) as server:
        yield server
