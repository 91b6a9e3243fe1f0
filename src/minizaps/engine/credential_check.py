"""Which credentials a definition names, and whether they are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from minizaps.credentials.types import Amqp, Hmac, Imap, Redis
from minizaps.credentials.vault import Vault
from minizaps.definition.steps import Takes
from minizaps.definition.tree import walk
from minizaps.errors import DefinitionInvalid, Problem


class Use(NamedTuple):
    """A place where a credential of some types is named."""

    pointer: str
    name: str
    types: tuple[str, ...]


async def check_credentials(
    vault: Vault, project: str, definition: dict[str, Any], takes: Mapping[str, Takes]
) -> None:
    """Check the credentials that a checked definition names.

    Raises:
        DefinitionInvalid: one is not there, or of a type that does not fit.
    """
    found = {
        use.pointer: await vault.problem(project, use.name, use.types)
        for use in uses(definition, takes)
    }
    problems = [Problem(pointer, detail) for pointer, detail in found.items() if detail]
    if problems:
        raise DefinitionInvalid(problems)


def uses(definition: dict[str, Any], takes: Mapping[str, Takes]) -> Iterator[Use]:
    """Every place of a checked definition where a credential is named."""
    for pointer, step in walk(definition):
        kind, config = step.get("type", ""), step.get("config", {})
        if step.get("credential") is not None:
            types = takes[kind].types if kind in takes else ()
            yield Use(f"{pointer}/credential", step["credential"], types)
        if kind == "wait" and config.get("secret") is not None:
            yield Use(f"{pointer}/config/secret", config["secret"], (Hmac.type,))
    for index, trigger in enumerate(definition.get("triggers", [])):
        here = f"/triggers/{index}/config"
        yield from _of_trigger(trigger["type"], trigger.get("config", {}), here, takes)


def _of_trigger(
    kind: str, config: dict[str, Any], pointer: str, takes: Mapping[str, Takes]
) -> Iterator[Use]:
    secrets = config.get("secret") or []
    for place, name in enumerate([secrets] if isinstance(secrets, str) else secrets):
        where = "" if isinstance(secrets, str) else f"/{place}"
        yield Use(f"{pointer}/secret{where}", name, (Hmac.type,))
    if config.get("credential") is not None:
        types = _types_of_trigger(kind, config, takes)
        yield Use(f"{pointer}/credential", config["credential"], types)


def _types_of_trigger(
    kind: str, config: dict[str, Any], takes: Mapping[str, Takes]
) -> tuple[str, ...]:
    if kind == "queue":
        return (Amqp.type,) if config.get("queue") is not None else (Redis.type,)
    return (Imap.type,) if kind == "email" else takes[config["type"]].types
