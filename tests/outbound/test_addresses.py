"""Which addresses may be reached."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis.strategies import ip_addresses

from minizaps.connectors.addresses import AddressRules
from minizaps.connectors.outbound import HttpClient
from minizaps.errors import AddressRefused, ConnectorError

from .conftest import LOOPBACK, Names

EVERYTHING = ["0.0.0.0/0", "::/0"]
LISTABLE = [
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::8.8.8.8",
]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::7f00:1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:0.0.0.0",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::10.0.0.1",
    "64:ff9b:1:7f00:0:100::",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "5f00::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fec0::1",
    "ff02::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", LISTABLE)
def test_a_private_address_is_reached_only_when_it_is_listed(address: str) -> None:
    refusal = AddressRules().refusal(address)
    assert refusal is not None
    assert "MINIZAPS_ALLOW_NETWORKS" in refusal
    assert AddressRules(EVERYTHING).refusal(address) is None


@pytest.mark.parametrize("address", NEVER)
def test_a_special_address_is_never_reached(address: str) -> None:
    assert "never reached" in (AddressRules().refusal(address) or "")
    assert "never reached" in (AddressRules([*EVERYTHING, "64:ff9b::/96"]).refusal(address) or "")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_reached(address: str) -> None:
    assert AddressRules().refusal(address) is None


@pytest.mark.parametrize("text", ["localhost", "127.1", "0177.0.0.1", "2130706433", "", "１.1.1.1"])
def test_what_is_not_an_address_is_refused(text: str) -> None:
    assert AddressRules(EVERYTHING).refusal(text)


def test_a_translated_address_needs_both_its_forms_listed() -> None:
    assert AddressRules(["64:ff9b::/96"]).refusal("64:ff9b::8.8.8.8") is None
    assert AddressRules(["64:ff9b::/96"]).refusal("64:ff9b::10.0.0.1")
    assert AddressRules(["10.0.0.0/8"]).refusal("64:ff9b::10.0.0.1")


@given(ip_addresses())
def test_nothing_that_python_calls_special_is_reached(ip: IPv4Address | IPv6Address) -> None:
    if getattr(ip, "ipv4_mapped", None) is not None:
        return  # it is the IPv4 address, and judged as that
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        assert AddressRules().refusal(str(ip)) is not None


@given(ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_its_ipv6_form(ip: IPv4Address) -> None:
    rules = AddressRules(["10.0.0.0/8"])
    assert rules.refusal(f"::ffff:{ip}") == rules.refusal(str(ip))


def test_a_text_that_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="host bits"):
        HttpClient(allow_networks=["10.0.0.1/8"])


# Every way to write loopback, and whether a client that may reach it understands it.
LOOPBACK_FORMS = {
    "127.0.0.1": True,
    "localhost": True,
    "LOCALHOST": True,
    "[::ffff:127.0.0.1]": True,
    "[::ffff:7f00:1]": True,
    "[0:0:0:0:0:ffff:127.0.0.1]": True,
    "１２７.0.0.1": True,
    "①②⑦.0.0.1": True,
    "127。0。0。1": True,
    "0x7f.1": True,
    "0x7f000001": True,
    "0x7f.0x0.0x0.0x1": True,
    "2130706433": False,
    "017700000001": False,
    "0177.0.0.1": False,
    "127.1": False,
    "127.0.1": False,
    "127.0.0.1.": False,
    "127.0.0.1..": False,
    "0": False,
    "0.0.0.0": False,
    "[::1]": False,
    "[::]": False,
    "[::127.0.0.1]": False,
    "[::1%25lo]": False,
    "[::1%lo]": False,
    "[64:ff9b::127.0.0.1]": False,
    "[64:ff9b:1::7f00:1]": False,
    "[2002:7f00:1::]": False,
    "[2001:0:7f00:1::]": False,
    "[::ffff:0:127.0.0.1]": False,
    "[fe80::1%25lo]": False,
    "%31%32%37.0.0.1": False,
    "good@127.0.0.1": False,
    "good:pass@127.0.0.1": False,
    "127.0.0.1\\@good": False,
    "127.0.0.1#@good": True,
    "1.1.1.1 &@127.0.0.1": False,
    "127.0.0.1%00.good": False,
    "127.0.0.1\x00.good": False,
    "169.254.169.254": False,
    "[fd00:ec2::254]": False,
}


@pytest.fixture
async def hits(serve) -> list[str]:
    """A server's port, to be popped; then the hosts of the requests that reached it."""
    seen: list[str] = []

    async def handler(request):
        seen.append(request.host)
        return web.Response(text="reached")

    seen.append((await serve(handler)).rpartition(":")[2])
    return seen


@pytest.mark.parametrize("host", LOOPBACK_FORMS)
async def test_loopback_is_refused_however_it_is_written(host: str, hits: list[str]) -> None:
    port = hits.pop()
    async with HttpClient() as client:
        with pytest.raises(ConnectorError) as refused:
            await client.request("GET", _url(host, port), timeout=5)
    assert not refused.value.retryable or "%" in host
    assert hits == []


@pytest.mark.parametrize(("host", "reached"), LOOPBACK_FORMS.items())
async def test_loopback_is_reached_when_it_is_listed(
    host: str, reached: bool, hits: list[str]
) -> None:
    port = hits.pop()
    async with HttpClient(allow_networks=LOOPBACK) as client:
        if reached:
            assert (await client.request("GET", _url(host, port), timeout=5)).body == b"reached"
        else:
            with pytest.raises(ConnectorError):
                await client.request("GET", _url(host, port), timeout=5)
    assert bool(hits) == reached


def _url(host: str, port: str) -> str:
    host, mark, rest = host.partition("#")
    return f"http://{host}:{port}/{mark}{rest}"


async def test_the_error_names_the_host_the_address_and_the_setting() -> None:
    async with HttpClient(resolver=Names(shop_test=[["10.1.2.3"]])) as client:
        with pytest.raises(AddressRefused) as refused:
            await client.request("GET", "http://shop.test/")
    assert str(refused.value) == (
        "shop.test: its address 10.1.2.3 is a private address; "
        "MINIZAPS_ALLOW_NETWORKS opens private networks"
    )
    assert not refused.value.retryable


@pytest.mark.parametrize("answer", ["169.254.169.254", "10.0.0.1", "::1", "::ffff:10.0.0.1"])
async def test_a_name_that_changes_its_answer_is_refused(answer: str, hits: list[str]) -> None:
    port = hits.pop()
    names = Names(fickle_test=[["127.0.0.1"], [answer]])
    async with HttpClient(allow_networks=LOOPBACK, resolver=names) as client:
        await client.request("GET", f"http://fickle.test:{port}/")
        await client.request("GET", f"http://fickle.test:{port}/")
        with pytest.raises(AddressRefused):  # another port: a new connection, a new answer
            await client.request("GET", f"http://fickle.test:{int(port) - 1}/")
    assert len(hits) == 2
    assert names.asked == ["fickle.test", "fickle.test"]


async def test_only_the_reachable_addresses_of_a_name_are_dialled(hits: list[str]) -> None:
    port = hits.pop()
    names = Names(mixed_test=[["169.254.169.254", "::1", "10.0.0.1", "127.0.0.1"]])
    async with HttpClient(allow_networks=LOOPBACK, resolver=names) as client:
        assert (await client.request("GET", f"http://mixed.test:{port}/")).status == 200


@pytest.mark.parametrize("answer", ["localhost", "127.1", "0x7f.1"])
async def test_a_resolver_that_answers_with_a_name_is_refused(answer: str) -> None:
    async with HttpClient(allow_networks=LOOPBACK, resolver=Names(odd_test=[[answer]])) as client:
        with pytest.raises(AddressRefused):
            await client.request("GET", "http://odd.test/")
