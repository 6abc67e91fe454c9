"""What is said to systemd, and what of its wishes the service takes for its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telexec_service.core import systemd_messages


@given(st.text())
def test_an_address_adds_no_assignment_of_its_own(url: str) -> None:
    names = [line.partition("=")[0] for line in systemd_messages.ready(url).splitlines()]
    assert names == ["READY", "STATUS"]


def test_a_reload_says_when_it_began() -> None:
    assert "MONOTONIC_USEC=17" in systemd_messages.reloading(17).split("\n")


@pytest.mark.parametrize(
    ("told", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "70"}, None),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": ""}, None),
        ({"WATCHDOG_PID": "7"}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
    ],
)
def test_signs_of_life_are_due_at_half_of_systemds_time(
    told: dict[str, str], interval_s: float | None
) -> None:
    assert systemd_messages.watchdog_interval_s(told, (7, 8)) == interval_s


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": ""}, None),
        ({"NOTIFY_SOCKET": "/run/systemd/notify"}, "/run/systemd/notify"),
        ({"NOTIFY_SOCKET": "@name"}, "\0name"),
        ({"NOTIFY_SOCKET": "vsock:2:1"}, None),
        ({"NOTIFY_SOCKET": "relative"}, None),
    ],
)
def test_systemd_listens_on_a_path_or_an_abstract_name(
    told: dict[str, str], address: str | None
) -> None:
    assert systemd_messages.socket_address(told) == address
