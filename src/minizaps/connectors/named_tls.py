"""TLS for libraries that dial an address and know no other name to check."""

from __future__ import annotations

import ssl
from typing import Any, Self


class NamedTLS(ssl.SSLContext):
    """Checks the certificate against a host's name, while its checked address is dialled."""

    _trust: ssl.SSLContext
    _name: str

    @classmethod
    def of(cls, trust: ssl.SSLContext, name: str) -> Self:
        """A context for one host, with the settings of another."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._trust, context._name = trust, name
        return context

    def wrap_bio(self, incoming: Any, outgoing: Any, *_: Any, **__: Any) -> ssl.SSLObject:
        return self._trust.wrap_bio(incoming, outgoing, server_hostname=self._name)
