"""What a picture says about a step or a workflow, in a few words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from minizaps.definition.tree import JsonObject

_WHOLE_EXPRESSION = re.compile(r"\s*\{\{(?P<inside>(?:(?!\{\{|\}\}).)*)\}\}\s*", re.DOTALL)
_LOST = "\N{REPLACEMENT CHARACTER}"
BY_HAND = "started by hand"
ON_LIMIT = {
    "queue": "others wait",
    "skip": "others are skipped",
    "cancel_running": "a new one cancels the oldest",
}


def one_line(text: str) -> str:
    """The text without anything that could break a line: no control or format characters."""
    return " ".join("".join(map(_shown, text)).split())


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category == "Cc":
        return " "
    return _LOST if category.startswith("C") else character


def shortened(text: str, longest: int) -> str:
    """The text, cut with an ellipsis where it is longer."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def expression(value: Any) -> str:
    """A value that may be an expression, which is shown without its braces."""
    if isinstance(value, bool):
        return "true" if value else "false"
    match = _WHOLE_EXPRESSION.fullmatch(str(value))
    return one_line(match["inside"] if match else str(value))


def duration(value: Any) -> str:
    """A duration as its author wrote it; of a number, seconds."""
    return f"{value} s" if isinstance(value, int | float) else expression(value)


def title(step: JsonObject) -> str:
    """The name that a step has for people, if it has one."""
    return one_line(step.get("name") or "")


def condition(step: JsonObject) -> str | None:
    """What has to be true for the step or the case to run; None where nothing has to."""
    value = step.get("if", True)
    return None if value is True else expression(value)


def facts(step: JsonObject) -> list[str]:
    """What is worth knowing of a step beside its id, type, name and condition."""
    return [*_of_type(step), *_of_attempts(step)]


def _of_type(step: JsonObject) -> Iterator[str]:
    config = step.get("config") or {}
    match step["type"]:
        case "delay":
            if config.get("until") is not None:
                yield f"waits until {expression(config['until'])}"
            else:
                yield f"waits {duration(config.get('seconds'))}"
        case "foreach":
            yield from _of_foreach(config)
        case "parallel":
            if config.get("on_branch_error") == "continue":
                yield "goes on without failed branches"
        case "workflow":
            yield f"runs {one_line(config['workflow'])}"
            if config.get("wait") is False:
                yield "does not wait for its end"
        case "wait":
            yield "waits for an approval" if config.get("approve") is True else "waits for a call"
            if config.get("timeout") is not None:
                yield f"{duration(config['timeout'])} at most"


def _of_foreach(config: JsonObject) -> Iterator[str]:
    items = config["items"]
    if isinstance(items, list):
        yield "for 1 item" if len(items) == 1 else f"for {len(items)} items"
    else:
        yield f"for each of {expression(items)}"
    if (concurrency := config.get("concurrency", 1)) != 1:
        yield f"{expression(concurrency)} at a time"
    if config.get("on_item_error") == "continue":
        yield "goes on without failed items"


def _of_attempts(step: JsonObject) -> Iterator[str]:
    if step.get("until") is not None:
        yield f"until {expression(step['until'])}"
    tries = (step.get("retry") or {}).get("max_attempts")
    if tries is not None:
        yield "1 try" if tries == 1 else f"{tries} tries"
    if step.get("timeout") is not None:
        yield f"timeout {duration(step['timeout'])}"


def limits(definition: JsonObject) -> list[str]:
    """What holds for the runs of a workflow: how long, how many, how often."""
    return list(_limits(definition))


def _limits(definition: JsonObject) -> Iterator[str]:
    if definition.get("timeout") is not None:
        yield f"timeout {duration(definition['timeout'])}"
    if concurrency := definition.get("concurrency"):
        runs = _counted(concurrency["limit"], "run")
        rest = ON_LIMIT[concurrency.get("on_limit", "queue")]
        yield f"{runs} at a time{_per(concurrency)}, {rest}"
    if rate := definition.get("rate"):
        yield f"{_counted(rate['limit'], 'start')} in {duration(rate['per'])}{_per(rate)}"
    if debounce := definition.get("debounce"):
        yield f"debounced {duration(debounce['for'])}{_per(debounce)}"
    if priority := definition.get("priority"):
        yield f"priority {priority}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _per(limit: JsonObject) -> str:
    return "" if limit.get("key") is None else f" per {expression(limit['key'])}"
