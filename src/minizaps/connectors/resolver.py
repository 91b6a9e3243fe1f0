"""Looking up names, and leaving out the addresses that may not be reached."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from minizaps.connectors.addresses import AddressRules
from minizaps.errors import AddressRefused


class SystemResolver(AbstractResolver):
    """Looks names up in threads of its own, so that slow names hold up nothing but names."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        # As bytes, the name is not encoded a second time; it is ASCII already.
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, socket.getaddrinfo, host.encode(), port, family, socket.SOCK_STREAM
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedResolver(AbstractResolver):
    """Leaves out the addresses that may not be reached."""

    def __init__(self, rules: AddressRules, resolver: AbstractResolver) -> None:
        self._rules = rules
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        refusals = {result["host"]: self._rules.refusal(result["host"]) for result in found}
        reachable = [result for result in found if refusals[result["host"]] is None]
        if not found:
            raise OSError(f"{host} has no address")
        if not reachable:
            address = found[0]["host"]
            raise AddressRefused(f"{host}: its address {address} {refusals[address]}")
        return reachable

    async def close(self) -> None:
        await self._resolver.close()
