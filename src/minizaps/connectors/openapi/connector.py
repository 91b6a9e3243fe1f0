"""The connector of a described API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from minizaps.connectors.base import BaseConnector, ConnectorConfig, Context
from minizaps.connectors.openapi.description import REPEATABLE, Description, Operation
from minizaps.connectors.openapi.models import ApiAction, config_model
from minizaps.connectors.openapi.proof import TAKES, prove
from minizaps.connectors.openapi.request import Request, request_of
from minizaps.connectors.responses import read_body, status_error
from minizaps.credentials.credential import Credential
from minizaps.definition.steps import RetryPolicy

SECONDS = 60.0  # for the whole response
AGAIN = RetryPolicy(max_attempts=5, delay=2, backoff=2, max_delay=600, jitter=True)


class ApiConnector(BaseConnector[ApiAction]):
    """Calls an operation of an HTTP API that an OpenAPI document describes.

    The output is `{"status", "headers", "body"}`, as that of the `webhook` connector.

    Attributes:
        api: the API.
        actions: the class for each operation, with the facts that hold for it.
    """

    timeout = SECONDS + 30
    api: ClassVar[Description]
    actions: ClassVar[dict[str, type[ApiConnector]]] = {}

    @classmethod
    def for_config(cls, config: Mapping[str, Any]) -> type[BaseConnector[ApiAction]]:
        """See `BaseConnector`: the facts are those of the operation."""
        action = config.get("action")
        return cls.actions.get(action, cls) if isinstance(action, str) else cls

    async def execute(self, context: Context) -> dict[str, Any]:
        operation = self.config.operation
        request = request_of(self.api, operation, self.config.given())
        if operation.method not in REPEATABLE:
            request.headers.setdefault("Idempotency-Key", context.idempotency_key)
        self._prove(request, operation, context)
        response = await context.http.request(
            operation.method,
            request.url,
            headers=request.headers,
            query=request.query,
            body=request.body,
            timeout=SECONDS,
        )
        if not 200 <= response.status < 300:
            raise status_error(response, context.now(), context.credential)
        content = {"body": None} if operation.method == "HEAD" else read_body(response)
        return {"status": response.status, "headers": response.headers, **content}

    def _prove(self, request: Request, operation: Operation, context: Context) -> None:
        schemes = [self.api.schemes[name] for name in operation.security]
        if schemes and not (operation.anonymous and context.credential is None):
            prove(request, schemes, context)


def connector_of(api: Description) -> tuple[type[ApiConnector], type[ConnectorConfig]]:
    """The connector and the config model of a described API."""
    types: list[type[Credential]] = []
    for operation in api.operations:
        types += [kind for name in operation.security for kind in TAKES[api.schemes[name].kind]]
    facts = {
        "__doc__": f"Calls {api.title} at {api.url}.",
        "__module__": __name__,
        "api": api,
        "credential": tuple(dict.fromkeys(types)),
        "credential_required": not any(operation.anonymous for operation in api.operations),
        "idempotent": all(operation.idempotent for operation in api.operations),
    }
    connector: type[ApiConnector] = type(f"{api.name}_connector", (ApiConnector,), facts)
    connector.actions = {
        operation.id: type(
            f"{api.name}_{operation.id}",
            (connector,),
            {
                "__doc__": facts["__doc__"],
                "__module__": __name__,
                "idempotent": operation.idempotent,
                "retry": AGAIN if operation.idempotent else ApiConnector.retry,
            },
        )
        for operation in api.operations
    }
    return connector, config_model(api)
