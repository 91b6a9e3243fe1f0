"""A session with a mail server (RFC 5321)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from minizaps.connectors.dial import Dialler, network_failed
from minizaps.credentials.types import Smtp
from minizaps.errors import ConnectorError, CredentialRefused

PATIENCE = 60.0  # seconds for an answer
FAREWELL = 5.0
LAST_PATIENCE = 300.0  # for the answer to a whole message; RFC 5321 4.5.3.2.6 asks for more


@asynccontextmanager
async def smtp_session(server: Smtp, dial: Dialler) -> AsyncIterator[SMTP]:
    """A session that is logged in and, as the credential says, encrypted.

    Raises:
        AddressRefused: the server may not be reached.
        NetworkFailed: no connection, or it broke.
        CredentialRefused: the server does not take the name and the password.
        ConnectorError: the server refuses (type `mail_refused`).
    """
    connection = await dial.connect(server.host, server.port, timeout=PATIENCE)
    address = connection.getsockname()[0]
    password = server.password
    client = SMTP(
        hostname=server.host,
        sock=connection,
        # An address is a name that every server understands (RFC 5321 4.1.3).
        local_hostname=f"[IPv6:{address}]" if ":" in address else f"[{address}]",
        use_tls=server.security == "tls",
        start_tls=server.security == "starttls",
        tls_context=None if server.security == "none" else dial.tls,
        username=server.username,
        password=None if password is None else password.get_secret_value(),
        timeout=None,
    )
    with _errors(f"{server.host}:{server.port}"):
        # With a timeout of its own, the library loses a cancellation that comes as it connects.
        async with asyncio.timeout(PATIENCE):
            await client.connect()
        client.timeout = PATIENCE
        try:
            yield client
            with suppress(SMTPException):
                await client.quit(timeout=FAREWELL)
        finally:
            client.close()


def mail_refused(code: int, message: str) -> ConnectorError:
    """The error for what a server refuses: for good, or for now (4xx)."""
    reason = " ".join(message.split())
    return ConnectorError(
        f"the mail server refuses: {code} {reason}",
        type="mail_refused",
        retryable=400 <= code < 500,
        details={"code": code},
    )


@contextmanager
def _errors(where: str) -> Iterator[None]:
    try:
        yield
    except SMTPAuthenticationError as error:
        if 400 <= error.code < 500:
            raise mail_refused(error.code, error.message) from error
        reason = " ".join(error.message.split())
        raise CredentialRefused(f"{where}: {error.code} {reason}") from error
    except SMTPResponseException as error:
        raise mail_refused(error.code, error.message) from error
    except (SMTPConnectError, SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
        raise network_failed(where, error) from error
    except SMTPException as error:  # such as no STARTTLS, which is not gone without
        raise ConnectorError(f"{where}: {error}", type="mail_refused") from error
