import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_service.core.host_names import HostNames, is_host_name

LOOPBACK = HostNames([], is_loopback=True)
ANYWHERE = HostNames([], is_loopback=False)


@given(st.ip_addresses(v=4), st.none() | st.integers(0, 65_535))
def test_an_ipv4_address_is_right_everywhere(
    address: ipaddress.IPv4Address, port: int | None
) -> None:
    for names in (LOOPBACK, ANYWHERE, HostNames(["x"], is_loopback=False)):
        assert names.accept(f"{address}" if port is None else f"{address}:{port}")


@given(st.ip_addresses(v=6), st.none() | st.integers(0, 65_535))
def test_an_ipv6_address_is_right_in_brackets(
    address: ipaddress.IPv6Address, port: int | None
) -> None:
    assert LOOPBACK.accept(f"[{address}]" if port is None else f"[{address}]:{port}")


@pytest.mark.parametrize("host", ["localhost", "localhost:7333", "LocalHost", "localhost."])
def test_localhost_is_right_everywhere(host: str) -> None:
    assert LOOPBACK.accept(host)
    assert HostNames(["x"], is_loopback=False).accept(host)


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "rebound.example:7333",
        "127.0.0.1.rebound.example",
        "localhost.rebound.example",
        "127.1",
        "2130706433",
        "",
        ":7333",
        "[127.0.0.1]",
        "[::1",
        "::1",
        "[localhost]",
    ],
)
def test_anything_else_is_wrong_on_loopback(host: str) -> None:
    assert not LOOPBACK.accept(host)


def test_elsewhere_every_name_is_right_unless_some_are_listed() -> None:
    assert ANYWHERE.accept("build1.example:7333")

    listed = HostNames(["Build1.Example"], is_loopback=False)
    assert listed.accept("build1.example:7333")
    assert listed.accept("BUILD1.EXAMPLE.")
    assert not listed.accept("build2.example")


def test_a_listed_name_is_right_on_loopback_too() -> None:
    assert HostNames(["proxy.example"], is_loopback=True).accept("proxy.example")


@pytest.mark.parametrize("name", ["build1", "build-1.example.com", "a_b", "xn--bcher-kva.example"])
def test_a_name_can_be_listed(name: str) -> None:
    assert is_host_name(name)


@pytest.mark.parametrize("name", ["", "a:1", "http://a", "a/b", "*.example", "a b", "[::1]", "."])
def test_what_is_no_name_cannot(name: str) -> None:
    assert not is_host_name(name)
