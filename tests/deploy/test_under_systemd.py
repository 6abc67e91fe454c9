"""The unit under a real systemd, from the start to the end, a crash and a hang."""

from tests.deploy.client import RUN, STUBBORN, said, sleepers
from tests.deploy.machine import Machine
from tests.harness.deadline import eventually_blocking


def until_restarted(machine: Machine) -> None:
    eventually_blocking(
        lambda: (
            machine.unit_property("NRestarts") == "1"
            and machine.unit_property("ActiveState") == "active"
        ),
        what="the unit to be started again",
    )


def test_the_unit_is_up_when_clients_can_connect(unit: Machine) -> None:
    assert unit.unit_property("ActiveState") == "active"
    assert unit.unit_property("StatusText") == "serving ws://127.0.0.1:7333"
    assert unit.run(f"{RUN} 'id -un; pwd'") == "telexec\n/var/lib/telexec\n"


def test_a_process_hears_nothing_of_the_unit(unit: Machine) -> None:
    own = unit.run("tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID telexec)/environ")
    names = set(unit.run(f"{RUN} env").replace("=", "\n").splitlines()[::2])
    assert {"HOME", "USER", "SHELL", "PATH"} <= names
    assert names <= {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "PWD"}
    # Nor can it look into the service.
    assert own.strip() == ""


def test_a_process_becomes_nobody_else_and_sees_no_ones_files(unit: Machine) -> None:
    unit.run("touch /tmp/of-the-host; mkdir -p /home/somebody; chmod 755 /home/somebody")
    for command in ("su -c true", "cat /etc/telexec/token", "ls /home/somebody", "touch /usr/x"):
        assert (
            unit.run(f"{RUN} '{command} 2>/dev/null && echo worked || echo failed'") == "failed\n"
        )
    assert "of-the-host" not in unit.run(f"{RUN} 'ls /tmp'")


def test_stopping_lets_a_process_end_by_itself_and_leaves_nothing(unit: Machine) -> None:
    with unit.running(f"{RUN} '{STUBBORN} echo up; sleep 1; echo done'") as client:
        assert said(client) == "up\n"
        assert sleepers(unit) != ""
        unit.run("systemctl stop telexec")
        assert said(client) == "done\n"
        assert client.wait() == 0
    assert unit.unit_property("Result") == "success"
    assert sleepers(unit) == ""


def test_a_service_that_is_killed_takes_its_processes_along_and_comes_back(unit: Machine) -> None:
    with unit.running(f"{RUN} '{STUBBORN} echo up; sleep 1000'") as client:
        assert said(client) == "up\n"
        unit.run("systemctl kill --kill-whom=main --signal=KILL telexec")
        until_restarted(unit)
    assert sleepers(unit) == ""
    assert unit.run(f"{RUN} 'echo again'") == "again\n"


def test_a_service_that_hangs_is_ended_and_comes_back(unit: Machine) -> None:
    unit.drop_in("watchdog", "WatchdogSec=2")
    unit.run("systemctl restart telexec; systemctl kill --kill-whom=main --signal=STOP telexec")
    until_restarted(unit)
    assert unit.run(f"{RUN} 'echo again'") == "again\n"
