"""Cgroups below the unit's own, which systemd delegates to the service."""

import pytest

from tests.deploy.client import RUN, sleepers
from tests.deploy.machine import Machine
from tests.harness.deadline import eventually_blocking

# Neither its mark, nor its parent, nor its session tells where it came from, and it takes no TERM.
ESCAPED = (
    'setsid prlimit --rttime=unlimited:unlimited sh -c "trap : TERM; sleep 1000; sleep 1000"'
    " </dev/null >/dev/null 2>&1 &"
)
HOST = "--url ws://127.0.0.1:7333 --token-file /etc/telexec/token"
LEAVE = f"/opt/telexec/bin/telexec run {HOST} -d --name job -- sh -c"
KILL = f"/opt/telexec/bin/telexec kill {HOST} job"


@pytest.fixture
def divided(unit: Machine) -> Machine:
    """Return the machine with a service that divides what systemd delegated to it."""
    unit.run("printf '[cgroups]\\nparent = \"auto\"\\n' >> /etc/telexec/config.toml")
    unit.run("systemctl restart telexec")
    return unit


def own_cgroup(unit: Machine) -> str:
    return unit.unit_property("ControlGroup")


def cgroup_of_a_process(unit: Machine) -> str:
    return unit.run(f"{RUN} 'grep 0:: /proc/self/cgroup'").strip().removeprefix("0::")


def cgroups_of_processes(unit: Machine) -> list[str]:
    return unit.run(f"find /sys/fs/cgroup{own_cgroup(unit)}/telexec-* -mindepth 1 -type d").split()


def leave_what_escapes(unit: Machine) -> None:
    """Leave a process behind, and what has escaped from it."""
    unit.run(f"{LEAVE} '{ESCAPED} exec sleep 1000'")
    eventually_blocking(lambda: len(sleepers(unit).split()) == 3, what="both")


def test_each_process_has_a_cgroup_below_the_units(divided: Machine) -> None:
    own = own_cgroup(divided)
    main = divided.unit_property("MainPID")
    assert divided.run(f"grep 0:: /proc/{main}/cgroup").strip() == f"0::{own}/service"
    first, second = (cgroup_of_a_process(divided) for _ in range(2))
    assert first != second
    assert first.rpartition("/")[0] == second.rpartition("/")[0]
    assert first.startswith(f"{own}/telexec-")
    eventually_blocking(lambda: cgroups_of_processes(divided) == [], what="the end of both")


def test_what_has_escaped_everything_else_ends_with_its_process(divided: Machine) -> None:
    leave_what_escapes(divided)
    assert len(cgroups_of_processes(divided)) == 1
    divided.run(KILL)
    assert sleepers(divided) == ""
    eventually_blocking(lambda: cgroups_of_processes(divided) == [], what="its end")


@pytest.mark.parametrize("ends", ["restart telexec", "kill --kill-whom=main --signal=KILL telexec"])
def test_a_service_that_starts_again_finds_nothing_left(divided: Machine, ends: str) -> None:
    before = divided.unit_property("MainPID")
    leave_what_escapes(divided)
    divided.run(f"systemctl {ends}")
    eventually_blocking(
        lambda: (
            divided.unit_property("MainPID") not in {"0", before}
            and divided.unit_property("ActiveState") == "active"
        ),
        what="another service",
    )
    assert sleepers(divided) == ""
    assert cgroups_of_processes(divided) == []
    assert cgroup_of_a_process(divided).startswith(own_cgroup(divided))


def test_a_reload_does_its_work_beside_the_processes(divided: Machine) -> None:
    leave_what_escapes(divided)
    divided.run("echo another >> /etc/telexec/token; systemctl reload telexec")
    look = "journalctl --unit telexec --output cat"
    eventually_blocking(lambda: '"tokens_added":1' in divided.run(look), what="the reload")
    assert len(cgroups_of_processes(divided)) == 1
    divided.run(KILL)
    assert sleepers(divided) == ""
