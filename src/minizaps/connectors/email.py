"""The `email` connector."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from aiosmtplib import (
    SMTP,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)
from pydantic import ConfigDict, Field, field_validator, model_validator

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.mail_message import (
    Addresses,
    Attachment,
    Line,
    OneAddress,
    check_header,
    listed,
    new_message,
    packed,
    parse_addresses,
)
from minizaps.connectors.request_rules import bad_request
from minizaps.connectors.smtp_session import LAST_PATIENCE, mail_refused, smtp_session
from minizaps.credentials.types import Smtp
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import ConnectorError

LARGEST_MAIL = 25 * 2**20  # bytes as it is sent; what most servers take


class EmailConfig(ConnectorConfig):
    """The mail to send. It has a `body`, an `html`, or both: then readers choose."""

    # A template that is one lone expression keeps its type: {{ order.id }} may be a number.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    from_: OneAddress | None = Field(
        default=None,
        alias="from",
        description="The sender, as `Ada <ada@example.org>` or the address alone; else the "
        "credential's `sender`.",
    )
    to: Addresses = Field(
        default_factory=list, description="The recipients: a list, or text with commas."
    )
    cc: Addresses = Field(default_factory=list, description="Who gets a copy, for all to see.")
    bcc: Addresses = Field(default_factory=list, description="Who gets a copy that nobody sees.")
    reply_to: Addresses = Field(default_factory=list, description="Where answers go.")
    subject: Line = Field(default="", max_length=2000, description="The subject.")
    body: str | None = Field(default=None, description="The mail as plain text.")
    html: str | None = Field(default=None, description="The mail as HTML.")
    attachments: list[Attachment] = Field(
        default_factory=list, max_length=100, description="Files that go with it."
    )
    headers: dict[str, Line] = Field(
        default_factory=dict, description="Further headers, such as In-Reply-To."
    )

    @field_validator("headers")
    @classmethod
    def _not_ours(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            check_header(name)
        return headers

    @model_validator(mode="after")
    def _complete(self) -> EmailConfig:
        if self.body is None and self.html is None:
            raise ValueError("set body, html or both")
        if not (self.to or self.cc or self.bcc):
            raise ValueError("set at least one of to, cc and bcc")
        return self


class EmailConnector(BaseConnector[EmailConfig]):
    """Sends a mail through an SMTP server.

    The output is `{"message_id", "accepted", "refused"}`: the addresses that the server takes the
    mail for, and those that it does not, each as `{"address", "code", "message"}`. If it takes it
    for none, the attempt has failed.

    `Message-ID` is the same for every attempt of this step in this run. A failure before the mail
    is handed over is retried; one after it, and before the server's answer, is `outcome_unknown`.
    """

    timeout = 600.0
    retry = RetryPolicy(max_attempts=5, delay=10, backoff=4, max_delay=1800, jitter=True)
    credential = (Smtp,)
    credential_required = True

    async def execute(self, context: Context) -> dict[str, Any]:
        server = context.opened(Smtp)
        config = self.config
        sender = _sender(config, server)
        to, cc, bcc = listed(config.to), listed(config.cc), listed(config.bcc)
        answers = listed(config.reply_to)
        message = new_message(sender, context.idempotency_key, context.now())
        _fill(message, config, {"To": to, "Cc": cc, "Reply-To": answers})
        everybody = [sender, *to, *cc, *bcc, *answers]
        international = not all(address.username.isascii() for address in everybody)
        raw = packed(message, international=international)
        if len(raw) > LARGEST_MAIL:
            raise bad_request(f"the mail has more than {LARGEST_MAIL // 2**20} MiB")
        recipients = list(dict.fromkeys(address.addr_spec for address in (*to, *cc, *bcc)))
        async with smtp_session(server, context.dial) as client:
            encoding = await _open_envelope(client, sender.addr_spec, len(raw), international)
            refused = await _name_recipients(client, recipients, encoding)
            await _hand_over(client, raw)
        gone = {entry["address"] for entry in refused}
        return {
            "message_id": message["Message-ID"],
            "accepted": [address for address in recipients if address not in gone],
            "refused": refused,
        }

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        server = context.opened(Smtp)
        async with smtp_session(server, context.dial) as client:
            await client.noop()
        how = "connected to" if server.username is None else "logged in at"
        return f"{how} {server.host}:{server.port}"


def _sender(config: EmailConfig, server: Smtp) -> Address:
    text = config.from_ or server.sender
    if text is None:
        raise bad_request("from: neither the step nor its credential has a sender")
    try:
        return parse_addresses(text)[0]
    except ValueError as error:
        raise bad_request(f"the credential's sender: {error}") from error


def _fill(message: EmailMessage, config: EmailConfig, people: dict[str, list[Address]]) -> None:
    for name, addresses in people.items():
        if addresses:
            message[name] = addresses
    message["Subject"] = config.subject
    for name, value in config.headers.items():
        message[name] = value
    if config.body is not None:
        message.set_content(config.body)
        if config.html is not None:
            message.add_alternative(config.html, subtype="html")
    else:
        message.set_content(config.html or "", subtype="html")
    for attachment in config.attachments:
        attachment.add_to(message)


async def _open_envelope(client: SMTP, sender: str, size: int, international: bool) -> str:
    """Name the sender; return the encoding of addresses."""
    options = []
    if client.is_ehlo_or_helo_needed:
        await client.ehlo()
    if client.supports_extension("size"):
        options.append(f"SIZE={size}")
    if international:
        if not client.supports_extension("smtputf8"):
            raise bad_request("the mail server takes no addresses with letters beyond ASCII")
        options += ["SMTPUTF8", "BODY=8BITMIME"]
    encoding = "utf-8" if international else "ascii"
    await client.mail(sender, options=options, encoding=encoding)
    return encoding


async def _name_recipients(
    client: SMTP, recipients: list[str], encoding: str
) -> list[dict[str, Any]]:
    """Name the recipients; return those that the server refuses."""
    refused: list[dict[str, Any]] = []
    for address in recipients:
        try:
            await client.rcpt(address, encoding=encoding)
        except SMTPRecipientRefused as error:
            reason = " ".join(error.message.split())
            refused.append({"address": address, "code": error.code, "message": reason})
    if len(refused) == len(recipients):
        raise ConnectorError(
            "the mail server refuses every recipient: "
            + "; ".join(f"{r['address']}: {r['code']} {r['message']}" for r in refused),
            type="mail_refused",
            retryable=all(400 <= r["code"] < 500 for r in refused),
            details={"refused": refused},
        )
    return refused


async def _hand_over(client: SMTP, raw: bytes) -> None:
    """Send the mail itself. What was cut off may have been taken."""
    reason: object = "the connection broke"
    try:
        await client.data(raw, timeout=LAST_PATIENCE)
    except SMTPTimeoutError:
        reason = "no answer in time"
    except SMTPResponseException as error:
        if 400 <= error.code < 600:
            raise mail_refused(error.code, error.message) from error
        reason = error.message
    except (SMTPServerDisconnected, OSError):
        pass
    else:
        return
    raise ConnectorError(
        f"{reason} after the mail was sent and before the server's answer, so whether it is "
        "delivered is not known: look, then replay or discard",
        type="outcome_unknown",
    )
