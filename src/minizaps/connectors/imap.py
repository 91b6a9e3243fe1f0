"""The `imap` connector."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from imapclient import FLAGGED, SEEN, IMAPClient
from pydantic import Field, model_validator

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.imap_session import Search, fetch_mails, in_mailbox
from minizaps.connectors.mail_message import Line
from minizaps.credentials.types import Imap
from minizaps.definition.poll import PollDefaults
from minizaps.definition.steps import RetryPolicy
from minizaps.errors import ConnectorError

Uid = Annotated[int, Field(ge=1, lt=2**32)]
_OF_SEARCH = {"unseen", "since_uid", "from_", "subject", "limit", "max_attachment_bytes"}
_OF_MARK = {"uids", "uid_validity", "seen", "flagged", "move"}


class ImapConfig(ConnectorConfig):
    """What to do in which folder: `search` for mails, or `mark` some."""

    action: Literal["search", "mark"] = Field(default="search", description="What to do.")
    folder: Line = Field(default="INBOX", min_length=1, description="The folder.")
    unseen: bool = Field(default=False, description="search: only mails that nobody has seen.")
    since_uid: int | None = Field(
        default=None,
        ge=0,
        lt=2**32,
        description="search: only mails with a higher UID, such as the `last_uid` of the last "
        "search; the oldest of them first. Left out, the newest mails are found.",
    )
    from_: Line | None = Field(
        default=None, alias="from", min_length=1, description="search: a part of the sender."
    )
    subject: Line | None = Field(
        default=None, min_length=1, description="search: a part of the subject."
    )
    limit: int = Field(default=10, ge=1, le=100, description="search: the most mails.")
    max_attachment_bytes: int = Field(
        default=65_536,
        ge=0,
        le=10 * 2**20,
        description="search: of each mail, how many bytes of attachments are in the output.",
    )
    uids: list[Uid] = Field(default_factory=list, max_length=1000, description="mark: the mails.")
    uid_validity: int | None = Field(
        default=None,
        description="mark: the `uid_validity` of the search that gave the UIDs; the step fails "
        "if the server has given them out anew.",
    )
    seen: bool | None = Field(default=None, description="mark: whether they are seen.")
    flagged: bool | None = Field(default=None, description="mark: whether they are flagged.")
    move: Line | None = Field(
        default=None, min_length=1, description="mark: the folder to move them to."
    )

    @model_validator(mode="after")
    def _of_one_action(self) -> ImapConfig:
        others = _OF_MARK if self.action == "search" else _OF_SEARCH
        if strange := sorted(others & self.model_fields_set):
            name = strange[0].rstrip("_")
            raise ValueError(f"{name} is not for {self.action}")
        if self.action == "mark" and "uids" not in self.model_fields_set:
            raise ValueError("uids: is required for mark")
        if self.action == "mark" and not self.model_fields_set & {"seen", "flagged", "move"}:
            raise ValueError("set at least one of seen, flagged and move")
        return self


class ImapConnector(BaseConnector[ImapConfig]):
    """Searches a mailbox for mails, or marks or moves some.

    The output of `search` is `{"messages", "uid_validity", "last_uid"}`. A message has `uid`,
    `message_id`, `from`, `to`, `subject`, `date` (ISO 8601), `text`, `html`, `headers` (names in
    lower case), and `attachments`, each `{"filename", "content_type", "size", "content_base64"}`.
    Content beyond `max_attachment_bytes` is null, texts are cut after 150,000 bytes, and
    `truncated` says whether anything was left out. Where the mails would not fit into a step's
    output, they are fewer than `limit`. To read a mail does not make it seen.

    The output of `mark` is `{"uids"}`. To mark or move twice does no harm.
    """

    poll = PollDefaults("{{ messages }}", "{{ item.message_id or item.uid }}", "{{ last_uid }}")
    idempotent = True
    timeout = 300.0
    retry = RetryPolicy(max_attempts=5, delay=5, backoff=3, max_delay=600, jitter=True)
    credential = (Imap,)
    credential_required = True

    async def execute(self, context: Context) -> dict[str, Any]:
        work = self._search if self.config.action == "search" else self._mark
        return await in_mailbox(context.opened(Imap), context.dial, work)

    def _search(self, client: IMAPClient) -> dict[str, Any]:
        config = self.config
        search = Search(config.unseen, config.since_uid, config.from_, config.subject, config.limit)
        folder = client.select_folder(config.folder, readonly=True)
        mails, last_uid = fetch_mails(client, search, config.max_attachment_bytes)
        return {
            "messages": mails,
            "uid_validity": folder[b"UIDVALIDITY"],
            "last_uid": last_uid,
        }

    def _mark(self, client: IMAPClient) -> dict[str, Any]:
        config = self.config
        folder = client.select_folder(config.folder)
        if config.uid_validity not in (None, folder[b"UIDVALIDITY"]):
            message = f"the folder {config.folder!r} has new UIDs: search again"
            raise ConnectorError(message, type="mailbox")
        if not config.uids:
            return {"uids": []}
        for flag, wanted in ((SEEN, config.seen), (FLAGGED, config.flagged)):
            if wanted is not None:
                change = client.add_flags if wanted else client.remove_flags
                change(config.uids, [flag], silent=True)
        if config.move is not None:
            client.move(config.uids, config.move)
        return {"uids": config.uids}

    @classmethod
    async def try_credential(cls, context: Context) -> str:
        server = context.opened(Imap)
        await in_mailbox(server, context.dial, lambda client: client.noop())
        return f"logged in at {server.host}:{server.port}"
