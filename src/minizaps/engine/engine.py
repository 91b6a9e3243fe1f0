"""The engine: knows the connectors, plans definitions and drives runs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from minizaps.connectors.base import BaseConnector, ConnectorConfig
from minizaps.connectors.csv import CsvConfig, CsvConnector
from minizaps.connectors.delay import DelayConfig, DelayConnector
from minizaps.connectors.discord import DiscordConfig, DiscordConnector
from minizaps.connectors.email import EmailConfig, EmailConnector
from minizaps.connectors.filter import FilterConfig, FilterConnector
from minizaps.connectors.google_sheets import GoogleSheetsConfig, GoogleSheetsConnector
from minizaps.connectors.html import HtmlConfig, HtmlConnector
from minizaps.connectors.imap import ImapConfig, ImapConnector
from minizaps.connectors.log import LogConfig, LogConnector
from minizaps.connectors.queue_publish import QueuePublishConfig, QueuePublishConnector
from minizaps.connectors.redis import RedisConfig, RedisConnector
from minizaps.connectors.rss import RssConfig, RssConnector
from minizaps.connectors.s3 import S3Config, S3Connector
from minizaps.connectors.set import SetConfig, SetConnector
from minizaps.connectors.slack import SlackConfig, SlackConnector
from minizaps.connectors.sql import SqlConfig, SqlConnector
from minizaps.connectors.telegram import TelegramConfig, TelegramConnector
from minizaps.connectors.webhook import WebhookConfig, WebhookConnector
from minizaps.connectors.xml import XmlConfig, XmlConnector
from minizaps.credentials.credential import Credential
from minizaps.definition.check import check_definition
from minizaps.definition.poll import PollDefaults, PollTriggerConfig
from minizaps.definition.schema import definition_schema
from minizaps.definition.steps import CallConfig, Takes
from minizaps.engine.attempt import Tools
from minizaps.engine.callees import check_callees
from minizaps.engine.credential_check import check_credentials
from minizaps.engine.credential_trial import try_credential
from minizaps.engine.execution import Execution
from minizaps.engine.packages import (
    credential_types,
    described_connectors,
    installed_connectors,
)
from minizaps.engine.plan import Plan, make_plan
from minizaps.engine.reading import Found, read
from minizaps.errors import Conflict, InvalidInput, NotFound
from minizaps.journal.catalog import Catalog
from minizaps.journal.journal import Journal
from minizaps.journal.records import Claimed, Idempotency, NewRun, Parent
from minizaps.journal.signals import Signals
from minizaps.metrics import RUNS_STARTED, labelled

PLANS_KEPT = 1000


class StepType(StrEnum):
    """The built-in step types."""

    CSV = "csv"
    DELAY = "delay"
    DISCORD = "discord"
    EMAIL = "email"
    FILTER = "filter"
    GOOGLE_SHEETS = "google_sheets"
    HTML = "html"
    IMAP = "imap"
    LOG = "log"
    QUEUE_PUBLISH = "queue_publish"
    REDIS = "redis"
    RSS = "rss"
    S3 = "s3"
    SET = "set"
    SLACK = "slack"
    SQL = "sql"
    TELEGRAM = "telegram"
    WEBHOOK = "webhook"
    XML = "xml"


class WorkflowEngine:
    """Checks definitions and drives runs.

    `CONNECTOR_MAP` says what does each step type: the connector and the model of its config.
    """

    CONNECTOR_MAP: ClassVar[dict[str, tuple[type[BaseConnector[Any]], type[ConnectorConfig]]]] = {
        StepType.CSV: (CsvConnector, CsvConfig),
        StepType.DELAY: (DelayConnector, DelayConfig),
        StepType.DISCORD: (DiscordConnector, DiscordConfig),
        StepType.EMAIL: (EmailConnector, EmailConfig),
        StepType.FILTER: (FilterConnector, FilterConfig),
        StepType.GOOGLE_SHEETS: (GoogleSheetsConnector, GoogleSheetsConfig),
        StepType.HTML: (HtmlConnector, HtmlConfig),
        StepType.IMAP: (ImapConnector, ImapConfig),
        StepType.LOG: (LogConnector, LogConfig),
        StepType.QUEUE_PUBLISH: (QueuePublishConnector, QueuePublishConfig),
        StepType.REDIS: (RedisConnector, RedisConfig),
        StepType.RSS: (RssConnector, RssConfig),
        StepType.S3: (S3Connector, S3Config),
        StepType.SET: (SetConnector, SetConfig),
        StepType.SLACK: (SlackConnector, SlackConfig),
        StepType.SQL: (SqlConnector, SqlConfig),
        StepType.TELEGRAM: (TelegramConnector, TelegramConfig),
        StepType.WEBHOOK: (WebhookConnector, WebhookConfig),
        StepType.XML: (XmlConnector, XmlConfig),
    }

    def __init__(
        self,
        journal: Journal,
        signals: Signals,
        catalog: Catalog,
        tools: Tools,
        *,
        max_events: int = 50_000,
    ) -> None:
        self._journal = journal
        self._signals = signals
        self._catalog = catalog
        self._tools = tools
        self._max_events = max_events
        self._plans: OrderedDict[tuple[str, int], Plan] = OrderedDict()

    @classmethod
    def install_connectors(cls, described: Path | None = None) -> None:
        """Add the connectors of installed packages to `CONNECTOR_MAP`, and those of described APIs.

        An entry point of the group `minizaps.connectors` is named as the step type, and leads to
        the pair of its connector and its config model.

        Args:
            described: the folder of the descriptions.

        Raises:
            SettingsInvalid: a package or a description cannot be loaded, or two bring a step type,
                or a type of credentials, of one name.
        """
        cls.CONNECTOR_MAP |= installed_connectors(cls.CONNECTOR_MAP)
        if described is not None:
            cls.CONNECTOR_MAP |= described_connectors(described, cls.CONNECTOR_MAP)
        cls.credential_types()

    @classmethod
    def credential_types(cls) -> dict[str, type[Credential]]:
        """The types of credentials by name: the built-in ones, and those of the connectors.

        Raises:
            SettingsInvalid: two classes have one name.
        """
        return credential_types(cls.CONNECTOR_MAP)

    @classmethod
    def check(cls, definition: Any) -> dict[str, Any]:
        """The definition as it is stored, with ids for all steps and triggers.

        Raises:
            DefinitionInvalid: with every problem and its JSON pointer.
        """
        return check_definition(definition, cls.config_models(), cls.takes(), cls.polls())

    @classmethod
    def config_models(cls) -> dict[str, type[ConnectorConfig]]:
        """The config model of each step type."""
        return {kind: model for kind, (_, model) in cls.CONNECTOR_MAP.items()}

    @classmethod
    def takes(cls) -> dict[str, Takes]:
        """The credentials of the step types that take some."""
        return {
            kind: Takes(tuple(t.type for t in connector.credential), connector.credential_required)
            for kind, (connector, _) in cls.CONNECTOR_MAP.items()
            if connector.credential
        }

    @classmethod
    def polls(cls) -> dict[str, PollDefaults]:
        """The step types that a trigger may poll by, with what they read as items."""
        return {
            kind: connector.poll or PollDefaults()
            for kind, (connector, _) in cls.CONNECTOR_MAP.items()
            if connector.poll is not None or (connector.idempotent and not connector.pure)
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The definition format as JSON Schema 2020-12."""
        return definition_schema(cls.config_models(), cls.takes())

    async def check_callees(self, project: str, definition: dict[str, Any]) -> None:
        """Check the workflows that a checked definition calls.

        Raises:
            DefinitionInvalid: one is not there, or calls lead back to this workflow.
        """
        await check_callees(self._catalog, project, definition)

    async def check_credentials(self, project: str, definition: dict[str, Any]) -> None:
        """Check the credentials that a checked definition names.

        Raises:
            DefinitionInvalid: one is not there, or of a type that does not fit.
        """
        await check_credentials(self._tools.vault, project, definition, self.takes())

    async def try_credential(self, project: str, name: str, kind: str) -> str:
        """Use a credential without an effect; see `credential_trial`."""
        connectors = [connector for connector, _ in self.CONNECTOR_MAP.values()]
        return await try_credential(self._tools, project, name, kind, connectors)

    async def plan(self, workflow_id: str, version: int) -> Plan:
        """The plan of a stored version.

        Raises:
            NotFound: there is no such version.
            DefinitionInvalid: a connector that it uses is no longer installed.
        """
        key = (workflow_id, version)
        if (plan := self._plans.get(key)) is not None:
            return plan
        stored = await self._catalog.version(workflow_id, version)
        plan = make_plan(workflow_id, version, stored.definition, self.CONNECTOR_MAP)
        self._plans[key] = plan
        if len(self._plans) > PLANS_KEPT:
            self._plans.popitem(last=False)
        return plan

    async def prepare(
        self,
        project: str,
        workflow_id: str,
        version: int,
        trigger: dict[str, Any],
        *,
        idempotency: Idempotency | None = None,
        by: str | None = None,
        replay_of: str | None = None,
        closing: bool = False,
        results: dict[str, dict[str, Any]] | None = None,
        run_id: str | None = None,
        parent: Parent | None = None,
    ) -> NewRun:
        """A run that may start: its input is checked, its deadline and its limits computed.

        Args:
            trigger: the context root `trigger`; its `body` is the input.

        Raises:
            InvalidInput: the input does not meet the workflow's `input_schema`, or has no value
                for the key of a limit.
        """
        plan = await self.plan(workflow_id, version)
        if plan.input_check is not None:
            # In a thread: what a schema asks of a large input may take long.
            problems = await asyncio.to_thread(plan.input_check, trigger["body"])
            if problems:
                raise InvalidInput(problems)
        workflow = {"id": workflow_id, "name": plan.name, "version": version}
        timeout = plan.timeout
        deadline = None if timeout is None else self._tools.clock.now() + int(timeout * 1000)
        return NewRun(
            project,
            workflow_id,
            version,
            trigger,
            deadline,
            idempotency=idempotency,
            replay_of=replay_of,
            closing=closing,
            results=results,
            by=by,
            priority=plan.priority,
            id=run_id,
            parent=parent,
            limits=None if plan.limits is None else plan.limits.of_run(trigger, workflow),
        )

    async def read(
        self, project: str, trigger_id: str, config: PollTriggerConfig, cursor: Any
    ) -> Found:
        """Read the source of a poll once; see `engine.reading`."""
        return await read(project, trigger_id, config, cursor, self._tools, self.CONNECTOR_MAP)

    async def start_child(
        self, project: str, config: CallConfig, trigger: dict[str, Any], run_id: str, parent: Parent
    ) -> None:
        """See `Runs`."""
        workflow = await self._catalog.workflow(config.workflow, project)
        if workflow.name != config.workflow:
            raise NotFound(f"there is no workflow named {config.workflow!r}")
        new = await self.prepare(
            project, workflow.id, workflow.version, trigger, run_id=run_id, parent=parent
        )
        await self._journal.start(new)
        labelled(RUNS_STARTED, "workflow").inc()

    async def cancel_child(self, run_id: str, project: str, parent_id: str) -> None:
        """See `Runs`."""
        with suppress(Conflict, NotFound):
            await self._journal.cancel(run_id, project, f"run:{parent_id}")

    async def execution(
        self, claimed: Claimed, draining: Callable[[], bool] = lambda: False
    ) -> Execution:
        """What drives a claimed run.

        Args:
            draining: whether no further attempts are to begin, because the worker stops.
        """
        plan = await self.plan(claimed.run.workflow_id, claimed.run.version)
        return Execution(
            claimed,
            plan,
            self._journal,
            self._signals,
            self._tools,
            self,
            self._max_events,
            draining,
        )
