"""Where a token server sends people back to, after they have agreed or not."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from minizaps.api import pages
from minizaps.app import App
from minizaps.credentials.consent import PATH as PATH
from minizaps.errors import Conflict, CredentialUnusable, JournalUnavailable

logger = logging.getLogger("minizaps.api")


class ConsentPage:
    """Takes the code of a consent; the `state` in the URL is unguessable, and works once."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        query = request.query_params
        state, code = query.get("state", ""), query.get("code", "")
        if request.method != "GET":
            return pages.said("Not this way", "Open the link in a browser.", 405)
        try:
            if not code:
                said = query.get("error_description") or query.get("error") or "no code came back"
                reason = "".join(c for c in said[:300] if c.isprintable())
                await self._app.consents.refuse(state, reason)
                return pages.said("Not connected", f"The other side says: {reason}", 400)
            row = await self._app.consents.take(state, code)
        except Conflict as error:
            return pages.said("Not connected", f"{error}.", 409)
        except CredentialUnusable as error:
            return pages.said("Not connected", f"{error}.", 502)
        except JournalUnavailable:
            logger.exception("a consent could not be kept")
            return pages.said("Not now", "The database takes no writes: ask for a new link.", 503)
        facts = {"name": row.name, "type": row.type}
        await self._app.access.record(row.project, "consent", "credential.connect", row.id, facts)
        text = f"The credential “{row.name}” is connected. You can close this page."
        return pages.said("Connected", text, 200)
