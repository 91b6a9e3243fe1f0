"""A config whose `action` says which of its other fields are to be set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from minizaps.connectors.base import ConnectorConfig


class Fields(NamedTuple):
    """The fields of one action beside those that all actions have."""

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


class ActionConfig(ConnectorConfig):
    """A config with a field `action`; a field of another action is refused.

    Attributes:
        actions: each action's own fields.
    """

    actions: ClassVar[Mapping[str, Fields]]

    @model_validator(mode="after")
    def _fits_the_action(self) -> ActionConfig:
        action: str = vars(self)["action"]
        needs, takes = self.actions[action]
        special = {name for fields in self.actions.values() for part in fields for name in part}
        strange = sorted((self.model_fields_set & special) - {*needs, *takes})
        missing = [name for name in needs if vars(self)[name] is None]
        if strange:
            raise ValueError(f"the action {action} takes no {', '.join(strange)}")
        if missing:
            raise ValueError(f"the action {action} needs {', '.join(missing)}")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["allOf"] = [
            {
                "if": {"properties": {"action": {"const": action}}, "required": ["action"]},
                "then": {"required": list(fields.needs)},
            }
            for action, fields in cls.actions.items()
            if fields.needs
        ]
        return schema
