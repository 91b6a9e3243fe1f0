"""Which addresses an outgoing request may reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network

# Written out: the answers of `is_global` and `is_private` change between Python's patch releases.
_NEVER = {
    "0.0.0.0/8": "an unspecified address",
    "100.100.100.200/32": "a cloud metadata address",  # Alibaba
    "168.63.129.16/32": "a cloud metadata address",  # Azure
    "169.254.0.0/16": "a link-local address",  # with the metadata of most clouds
    "192.0.0.192/32": "a cloud metadata address",  # Oracle
    "192.88.99.0/24": "a tunnel's address",  # 6to4 relays
    "224.0.0.0/4": "a multicast address",
    "240.0.0.0/4": "a reserved address",
    "::/128": "an unspecified address",
    "2001::/23": "a tunnel's address",  # Teredo, ORCHID
    "2002::/16": "a tunnel's address",  # 6to4
    "fd00:42::42/128": "a cloud metadata address",  # Scaleway
    "fd00:c1::a9fe:a9fe/128": "a cloud metadata address",  # Oracle
    "fd00:ec2::/32": "a cloud metadata address",  # AWS
    "fd20:ce::254/128": "a cloud metadata address",  # Google
    "fe80::/10": "a link-local address",
    "ff00::/8": "a multicast address",
}
_WHEN_LISTED = {
    "10.0.0.0/8": "a private address",
    "100.64.0.0/10": "a carrier's private address",
    "127.0.0.0/8": "a loopback address",
    "172.16.0.0/12": "a private address",
    "192.0.0.0/24": "a special-purpose address",
    "192.0.2.0/24": "a documentation address",
    "192.168.0.0/16": "a private address",
    "198.18.0.0/15": "a benchmarking address",
    "198.51.100.0/24": "a documentation address",
    "203.0.113.0/24": "a documentation address",
    "::1/128": "a loopback address",
    "64:ff9b::/96": "a translated IPv4 address",
    "2001:db8::/32": "a documentation address",
    "3fff::/20": "a documentation address",
    "fc00::/7": "a private address",
}
_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address
_PUBLIC_V6 = IPv6Network("2000::/3")


class AddressRules:
    """Which addresses may be reached: the public ones, and the listed private ones.

    Link-local, cloud metadata, multicast, unspecified, reserved and tunnelled addresses are never
    reached, even if a listed network contains them.

    Args:
        allow_networks: networks such as `10.0.0.0/8` whose private addresses may be reached.

    Raises:
        ValueError: a text is not a network.
    """

    def __init__(self, allow_networks: Iterable[str | Network] = ()) -> None:
        networks = [ip_network(network) for network in allow_networks]
        self._allowed = {
            version: [n for n in networks if n.version == version] for version in (4, 6)
        }

    def refusal(self, address: str) -> str | None:
        """Why the address may not be reached, or None if it may."""
        try:
            ip = ip_address(address)
        except ValueError:
            return "is not an IP address in its usual form"
        if isinstance(ip, IPv6Address):
            if ip.scope_id is not None:
                return "is a link-local address, which is never reached"
            if ip in _TRANSLATED:
                inner = IPv4Address(int(ip) & 0xFFFFFFFF)
                return self._refusal(inner) or self._refusal(ip)
            return self._refusal(ip.ipv4_mapped or ip)
        return self._refusal(ip)

    def _refusal(self, ip: IPv4Address | IPv6Address) -> str | None:
        if kind := _kind(ip, _NEVER_NETWORKS):
            return f"is {kind}, which is never reached"
        if kind := _kind(ip, _LISTED_NETWORKS):
            if any(ip in network for network in self._allowed[ip.version]):
                return None
            return f"is {kind}; MINIZAPS_ALLOW_NETWORKS opens private networks"
        if isinstance(ip, IPv6Address) and ip not in _PUBLIC_V6:
            return "is a reserved address, which is never reached"
        return None


Kinds = Mapping[int, list[tuple[Network, str]]]


def _by_version(table: Mapping[str, str]) -> Kinds:
    networks = [(ip_network(text), kind) for text, kind in table.items()]
    return {v: [entry for entry in networks if entry[0].version == v] for v in (4, 6)}


_NEVER_NETWORKS = _by_version(_NEVER)
_LISTED_NETWORKS = _by_version(_WHEN_LISTED)


def _kind(ip: IPv4Address | IPv6Address, kinds: Kinds) -> str | None:
    return next((kind for network, kind in kinds[ip.version] if ip in network), None)
