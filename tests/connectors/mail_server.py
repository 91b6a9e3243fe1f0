"""A real SMTP server in the test's own loop, which keeps what it takes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "canary-right"
Answers = dict[str, str]


@dataclass
class Box:
    """What the server has taken, and what it is to refuse.

    Attributes:
        answers: what it says in place of yes: to a sender, a recipient, or to `DATA`.
        cut_at_data: whether it hangs up when it has the whole mail.
    """

    port: int = 0
    taken: list[Envelope] = field(default_factory=list)
    answers: Answers = field(default_factory=dict)
    cut_at_data: bool = False
    logins: list[bytes] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    def mail(self) -> EmailMessage:
        """The only mail."""
        (envelope,) = self.taken
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        return message

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.answers.get(address, "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if "DATA" in self.answers:
            return self.answers["DATA"]
        assert isinstance(server.transport, asyncio.Transport)
        self.taken.append(envelope)
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        if self.cut_at_data:
            server.transport.abort()
        return "250 taken"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.login)
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Box]:
    """The server, on a port of its own.

    Args:
        tls: what it speaks from the first byte.
        options: of aiosmtpd.
    """
    box, loop = Box(), asyncio.get_running_loop()
    make: Callable[[], SMTP] = lambda: SMTP(  # noqa: E731
        box, hostname="localhost", loop=loop, authenticator=box.authenticate, **options
    )
    server = await loop.create_server(make, "127.0.0.1", 0, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
