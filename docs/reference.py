"""The reference parts: settings, the definition's fields, limits, and a page per connector."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from docs.fields import field_rows, field_table
from docs.markdown import code, fenced, table
from minizaps import BaseConnector, ConnectorConfig, WorkflowEngine
from minizaps.credentials.credential import Credential
from minizaps.credentials.types import BUILT_IN
from minizaps.definition import (
    email_trigger,
    poll,
    queue_trigger,
    steps,
    timing,
    triggers,
    webhook_trigger,
    workflow,
)
from minizaps.definition.durations import LONGEST
from minizaps.definition.strict_json import DEEPEST
from minizaps.engine.planner import MOST_INTERRUPTIONS
from minizaps.engine.retry import LONGEST_RETRY_AFTER
from minizaps.settings import Settings
from minizaps.simulation import written

EXAMPLES = Path(__file__).parent / "connectors" / "examples"
CREDENTIALS = (
    "A step names its credential beside its `config`; secrets stand nowhere else. Fields of the\n"
    "type secret are never shown again. A package may bring types of its own."
)
MADE = "<!-- Made by `make docs` from the code: change it there. -->"


def settings_table() -> str:
    """Every setting, as its environment variable."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "" if default in ("", (), None) else code(default)
        rows.append([code(f"MINIZAPS_{name.upper()}"), shown, field.description or ""])
    return table(["variable", "default", "meaning"], rows)


def definition_fields() -> str:
    """The models of a definition, each with its table."""
    return _models(
        (workflow.Definition, "the whole definition"),
        (triggers.ManualTrigger, "an entry of `triggers`"),
        (triggers.WebhookTrigger, "an entry of `triggers`"),
        (triggers.ScheduleTrigger, "an entry of `triggers`"),
        (timing.ScheduleTriggerConfig, "its `config`"),
        (triggers.PollTrigger, "an entry of `triggers`"),
        (poll.PollTriggerConfig, "its `config`"),
        (triggers.QueueTrigger, "an entry of `triggers`"),
        (queue_trigger.QueueTriggerConfig, "its `config`"),
        (triggers.EmailTrigger, "an entry of `triggers`"),
        (email_trigger.EmailTriggerConfig, "its `config`"),
        (steps.Step, "an entry of `steps`"),
        (steps.RetryPolicy, "a step's `retry`"),
        (steps.OnError, "a step's `on_error` with steps"),
    )


def control_fields() -> str:
    """The models of blocks and calls, each with its table."""
    return _models(
        (steps.Foreach, "a step of type `foreach`"),
        (steps.ForeachConfig, "its `config`"),
        (steps.Parallel, "a step of type `parallel`"),
        (steps.ParallelConfig, "its `config`"),
        (steps.Branch, "an entry of `branches`"),
        (steps.Switch, "a step of type `switch`"),
        (steps.Case, "an entry of `cases`"),
        (steps.Call, "a step of type `workflow`"),
        (steps.CallConfig, "its `config`"),
        (steps.Wait, "a step of type `wait`"),
        (steps.WaitConfig, "its `config`"),
    )


def webhook_fields() -> str:
    """The models of a webhook trigger's config, each with its table."""
    return _models(
        (webhook_trigger.WebhookTriggerConfig, "the `config` of a trigger of type `webhook`"),
        (webhook_trigger.HmacSignature, "a `signature` of its own"),
        (webhook_trigger.Respond, "its `respond`"),
        (webhook_trigger.Answer, "the `failed` of a `respond`"),
    )


def run_limit_fields() -> str:
    """The models of the limits on a workflow's runs, each with its table."""
    return _models(
        (workflow.Concurrency, "a workflow's `concurrency`"),
        (workflow.Rate, "a workflow's `rate`"),
        (workflow.Debounce, "a workflow's `debounce`"),
    )


def test_fields() -> str:
    """The models of a test file, each with its table."""
    return _models(
        (written.Suite, "the whole file"),
        (written.Scenario, "an entry of `tests`"),
        (written.Start, "a test's `trigger`"),
        (written.Mock, "an entry of `mocks`"),
        (written.MockError, "a mock's `error`"),
        (written.Answer, "an entry of `answers`"),
        (written.Expect, "a test's `expect`"),
        (written.ExpectedStep, "an entry of its `steps`"),
    )


def _models(*models: tuple[type[BaseModel], str]) -> str:
    parts = []
    for model, where in models:
        default = "the connector's" if model is steps.RetryPolicy else None
        described = inspect.cleandoc(model.__doc__ or "").split("\n\n")[0]
        heading = f"### {model.__name__}: {where}"
        parts += [heading, described, field_table(model, default=default)]
    return "\n\n".join(parts)


def limits_table() -> str:
    """Every limit that an author can meet."""
    fields = Settings.model_fields
    trigger_list = next(m for m in workflow.Definition.model_fields["triggers"].metadata)
    rows = [
        ["a definition", f"{workflow.LARGEST_DEFINITION // 1024} KiB of JSON", ""],
        ["steps of a definition, nested ones too", f"{workflow.MOST_STEPS}", ""],
        ["triggers of a definition", f"{trigger_list.max_length}", ""],
        ["nesting of JSON", f"{DEEPEST} levels", ""],
        ["an id", code(steps.ID_PATTERN), ""],
        ["a duration", f"{LONGEST / 86400 / 366:.0f} years", ""],
        ["a `Retry-After` that is waited for", f"{LONGEST_RETRY_AFTER / 3600:.0f} hours", ""],
        ["interruptions of a step by its worker's death", f"{MOST_INTERRUPTIONS}", ""],
    ]
    for name, what in (
        ("max_body_bytes", "a request body, a hook's too"),
        ("max_output_bytes", "a step's output, as JSON"),
        ("max_response_bytes", "a response that a step reads"),
        ("max_events", "events of a run"),
    ):
        default = fields[name].default
        size = f"{default // 2**20} MiB" if name.endswith("bytes") else f"{default:,}"
        rows.append([what, size, code(f"MINIZAPS_{name.upper()}")])
    return table(["limit of", "is", "setting"], rows)


def connector_pages() -> dict[str, str]:
    """A page for each entry of CONNECTOR_MAP, by its file's name."""
    return {f"{kind}.md": connector_page(str(kind), *e) for kind, e in _connectors().items()}


def credentials_page() -> str:
    """The built-in types of credentials: their fields, and the step types that take them."""
    parts = ["# Credentials", MADE, CREDENTIALS]
    for kind in BUILT_IN:
        takers = [k for k, (c, _) in sorted(_connectors().items()) if kind in c.credential]
        links = ", ".join(f"[{taker}]({taker}.md)" for taker in takers)
        parts += [f"## {kind.type}", kind.description(), field_table(kind)]
        parts += [f"Taken by {links}."] if links else []
    return "\n\n".join(parts) + "\n"


def connector_index() -> str:
    """The list of the connectors."""
    rows = [
        [f"[{kind}]({kind}.md)", connector.description()]
        for kind, (connector, _) in sorted(_connectors().items())
    ]
    more = (
        "What they show to the other side are [credentials](credentials.md). An API with an\n"
        "OpenAPI document can be [imported](../openapi-import.md). To make a connector of your\n"
        "own, see [write-a-connector.md](../write-a-connector.md)."
    )
    return "\n\n".join(["# Connectors", MADE, table(["type", "what it does"], rows), more]) + "\n"


def connector_page(
    kind: str, connector: type[BaseConnector[Any]], model: type[ConnectorConfig]
) -> str:
    """What a connector does, its facts, its fields and an example."""
    described = inspect.cleandoc(connector.__doc__ or "")
    parts = [
        f"# {kind}",
        MADE,
        described,
        "## Config",
        inspect.cleandoc(model.__doc__ or "").split("\n\n")[0],
        field_table(model),
        *_nested(model),
        "## Facts",
        table(["fact", "value", "meaning"], _facts(connector)),
        "## Example",
        fenced((EXAMPLES / f"{kind}.json").read_text(), "json"),
        f"[Its tests](examples/{kind}.test.json) run it: see [testing.md](../testing.md).",
    ]
    return "\n\n".join(parts) + "\n"


def _nested(model: type[ConnectorConfig]) -> list[str]:
    parts = []
    for name, schema in model.model_json_schema().get("$defs", {}).items():
        found = next(m for m in ConnectorConfig.__subclasses__() if m.__name__ == name)
        described = schema.get("description", "").split("\n\n")[0]
        rows = table(["field", "type", "default", "meaning"], field_rows(found))
        parts += [f"### {name}", described, rows]
    return parts


def _facts(connector: type[BaseConnector[Any]]) -> list[list[str]]:
    retry = connector.retry
    waits = (
        f"{retry.max_attempts} attempts; waits of up to {retry.delay:g} s, each up to "
        f"{retry.backoff:g} times longer, {retry.max_delay:g} s at most"
    )
    again = "an attempt that was cut off is run again with the same idempotency key"
    fails = "an attempt that was cut off fails the run as `outcome_unknown`"
    fact = [_yes(connector.idempotent), again if connector.idempotent else fails]
    if connector.may_repeat is not BaseConnector.may_repeat:
        fact = ["by its config", f"{again}, or fails the run as `outcome_unknown`: see above"]
    return [
        ["idempotent", *fact],
        [
            "pure",
            _yes(connector.pure),
            "it has no effect outside the run"
            if connector.pure
            else "each attempt is in the journal before it begins",
        ],
        ["timeout", f"{connector.timeout:g} s", "for one attempt, unless the step says otherwise"],
        [
            "retry",
            "none" if retry.max_attempts == 1 else waits,
            "unless the step says otherwise",
        ],
        ["credential", _credentials(connector), _need(connector)],
    ]


def _credentials(connector: type[BaseConnector[Any]]) -> str:
    links = [_link(kind) for kind in connector.credential]
    return " or ".join(links) or "none"


def _link(kind: type[Credential]) -> str:
    if kind not in BUILT_IN:
        return code(kind.type)
    return f"[{kind.type}](credentials.md#{kind.type})"


def _need(connector: type[BaseConnector[Any]]) -> str:
    if not connector.credential:
        return "it takes none"
    return "required" if connector.credential_required else "optional"


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def _connectors() -> dict[str, tuple[type[BaseConnector[Any]], type[ConnectorConfig]]]:
    return {str(kind): entry for kind, entry in WorkflowEngine.CONNECTOR_MAP.items()}
