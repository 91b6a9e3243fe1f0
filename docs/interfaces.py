"""The interface parts: API calls, problems, commands, and a run's state machine."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_type_hints

import typer
from fastapi.routing import APIRoute

from docs.markdown import code, table
from minizaps import errors
from minizaps.api import auth, health, problems, server
from minizaps.cli.main import cli
from minizaps.journal.status import TRANSITIONS, Status, Transition

PREFIX = "/api/v1"
_ROLES = {"Viewer": auth.Viewer, "Operator": auth.Operator, "Editor": auth.Editor}
_ROLES["Admin"] = auth.Admin


def api_routes() -> list[tuple[str, str, str, str]]:
    """Method, path, role and meaning of every call."""
    routers = [(PREFIX, module.router) for module in server.ROUTERS] + [("", health.router)]
    rows = []
    for prefix, router in routers:
        for route in router.routes:
            assert isinstance(route, APIRoute)  # noqa: S101
            method = next(iter(route.methods))
            meaning = inspect.cleandoc(route.endpoint.__doc__ or "").replace("\n", " ")
            rows.append((method, prefix + route.path, _role(route), meaning))
    rows.append(("any", "/hooks/{token}", "", 'Start a run: 202 `{"run_id"}` once it is on disk.'))
    rows.append(
        (
            "POST",
            "/callbacks/{token}",
            "",
            "Answer a `wait` step, once. A GET shows a page with a button.",
        )
    )
    return rows


def _role(route: APIRoute) -> str:
    hints = get_type_hints(route.endpoint, include_extras=True)
    return next((n.lower() for n, role in _ROLES.items() if hints.get("who") == role), "")


def routes_table() -> str:
    """Every call of the API."""
    rows = [
        [code(f"{method} {path}"), role or "no key", meaning]
        for method, path, role, meaning in api_routes()
    ]
    return table(["call", "role", "what it does"], rows)


def roles_table() -> str:
    """What each role may do beside what those before it may."""
    lines = inspect.getsource(auth.Role).splitlines()
    rows = []
    for role in auth.Role:
        line = next(line for line in lines if f'"{role}"' in line)
        rows.append([code(role), line.partition("# ")[2]])
    return table(["role", "may"], rows)


def problems_table() -> str:
    """Which status answers which error."""
    rows = [[str(status), title, code(kind.__name__)] for kind, status, title in problems._STATUSES]
    return table(["status", "title", "error"], rows)


def errors_table() -> str:
    """Every exception and what it means."""
    rows = []
    for kind in _tree(errors.MinizapsError):
        parent = kind.__bases__[0].__name__ if kind is not errors.MinizapsError else ""
        first = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        rows.append([code(kind.__name__), code(parent), first])
    return table(["exception", "is a", "meaning"], rows)


def _tree(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _tree(child)


def state_diagram() -> str:
    """The transitions that change the status, as a mermaid diagram."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR"]
    for kind, transition in TRANSITIONS.items():
        after = transition.after
        if after is None or transition.before == {after}:
            continue
        before = [status for status in Status if status in transition.before]
        lines += [f"    {status} --> {after}: {kind}" for status in before]
        if not before:
            lines.append(f"    [*] --> {after}: {kind}")
    lines += [f"    {end} --> [*]" for end in ("succeeded", "failed", "cancelled")]
    return "\n".join([*lines, "```"])


def transitions_table() -> str:
    """Every transition: when it may happen, what follows, and who may do it."""
    return table(
        ["transition", "from", "to", "only with the lease", "meaning"],
        [_transition(kind, transition) for kind, transition in TRANSITIONS.items()],
    )


def _transition(kind: str, transition: Transition) -> list[str]:
    before = ", ".join(status for status in Status if status in transition.before)
    after = transition.after or "unchanged"
    meaning = _PLAIN.get(kind) or _comments("Kind")[kind]
    return [code(kind), before or "(new)", after, _yes(transition.leased), meaning]


_PLAIN = {
    "start": "the run is accepted",
    "claim": "a worker takes it, with a new lease epoch",
    "defer": "the run is accepted; a limit lets it start later",
    "retry": "an attempt has failed; the next one is due later",
    "pause": "a step waits for a time or for a signal",
    "wait": "nothing can be done now: a time or a signal is waited for",
    "wake": "the wait is over",
    "succeed": "all steps are done",
    "fail": "the run has failed and is a dead letter",
    "cancel": "a person has ended it",
    "release": "the worker gives the run back",
    "rescue": "its worker is dead",
}


def _comments(name: str) -> dict[str, str]:
    from_status = inspect.getsource(inspect.getmodule(Transition))  # type: ignore[arg-type]
    body = from_status.partition(f"class {name}(")[2].partition("\n\n\n")[0]
    lines = [line for line in body.splitlines() if "= " in line]
    return {line.split('"')[1]: line.partition("# ")[2] for line in lines if '"' in line}


def statuses_table() -> str:
    """Every status of a run."""
    comments = _comments("Status")
    rows = [[code(s), comments.get(s) or _ENDS.get(s, "")] for s in Status]
    return table(["status", "meaning"], rows)


_ENDS = {"succeeded": "ended: all steps are done", "cancelled": "ended by a person"}


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def commands() -> list[tuple[str, Any]]:
    """Every command with its full name, in the order of the help."""
    return list(_commands(typer.main.get_command(cli), "minizaps"))


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child, found in children.items():
        yield from _commands(found, f"{name} {child}")


def commands_reference() -> str:
    """Every command: what it does, its arguments and options."""
    parts = []
    for name, command in commands():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        usage = " ".join([name, *map(_argument, arguments), *(["[OPTIONS]"] if options else [])])
        parts += [f"### {name}", f"`{usage}`", inspect.cleandoc(command.help or "")]
        described = [[code(_argument(a)), "", a.help or ""] for a in arguments if a.help]
        described += [[code(_option(o)), _default(o), o.help or ""] for o in options]
        if described:
            parts.append(table(["argument or option", "default", "meaning"], described))
    return "\n\n".join(parts)


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    many = "..." if parameter.nargs == -1 or parameter.multiple else ""
    return f"{name}{many}" if parameter.required else f"[{name}{many}]"


def _option(parameter: Any) -> str:
    if parameter.is_flag:
        return ", ".join([*parameter.opts, *parameter.secondary_opts])
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        value = "|".join(choice.value for choice in kind)
    else:
        value = {int: "N", float: "SECONDS"}.get(kind, "TEXT")
    return f"{parameter.opts[0]} {value}"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None or parameter.default is False:
        return ""
    if parameter.is_flag:
        return code(parameter.opts[0])
    return code(parameter.default)
