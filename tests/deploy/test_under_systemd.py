"""The unit under a real systemd, from the start to the end, a crash and a hang."""

import subprocess

from tests.deploy.machine import Machine
from tests.harness.deadline import eventually_blocking

RUN = (
    "/opt/telexec/bin/telexec run --url ws://127.0.0.1:7333 --token-file /etc/telexec/token"
    " --no-stdin -- sh -c"
)
STUBBORN = "setsid sh -c 'trap : TERM; while :; do sleep 1000; done' </dev/null >/dev/null 2>&1 &"
"""Leaves behind what has a session of its own and takes no SIGTERM."""


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def until_restarted(machine: Machine) -> None:
    eventually_blocking(
        lambda: (
            machine.unit_property("NRestarts") == "1"
            and machine.unit_property("ActiveState") == "active"
        ),
        what="the unit to be started again",
    )


def sleepers(machine: Machine) -> str:
    return machine.run("pgrep --uid telexec --full 'sleep 1000'", check=False)


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
    stubborn = STUBBORN.replace("'", "'\\''")
    with unit.running(f"{RUN} '{stubborn} echo up; sleep 1; echo done'") as client:
        assert said(client) == "up\n"
        assert sleepers(unit) != ""
        unit.run("systemctl stop telexec")
        assert said(client) == "done\n"
        assert client.wait() == 0
    assert unit.unit_property("Result") == "success"
    assert sleepers(unit) == ""


def test_a_service_that_is_killed_takes_its_processes_along_and_comes_back(unit: Machine) -> None:
    stubborn = STUBBORN.replace("'", "'\\''")
    with unit.running(f"{RUN} '{stubborn} echo up; sleep 1000'") as client:
        assert said(client) == "up\n"
        unit.run("systemctl kill --kill-whom=main --signal=KILL telexec")
        until_restarted(unit)
    assert sleepers(unit) == ""
    assert unit.run(f"{RUN} 'echo again'") == "again\n"


def test_a_service_that_hangs_is_ended_and_comes_back(unit: Machine) -> None:
    drop_in = "/etc/systemd/system/telexec.service.d"
    unit.run(
        f"mkdir {drop_in}; printf '[Service]\\nWatchdogSec=2\\n' > {drop_in}/watchdog.conf;"
        "systemctl daemon-reload; systemctl restart telexec;"
        "systemctl kill --kill-whom=main --signal=STOP telexec"
    )
    until_restarted(unit)
    assert unit.run(f"{RUN} 'echo again'") == "again\n"
