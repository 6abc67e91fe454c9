"""A client on the machine that the unit runs on."""

import subprocess

from tests.deploy.machine import Machine

TELEXEC = "/opt/telexec/bin/telexec run --no-stdin --token-file /etc/telexec/token"

RUN = f"{TELEXEC} --url ws://127.0.0.1:7333 -- sh -c"
"""Takes a shell script, in single quotes, for the unit's user to run."""

STUBBORN = 'setsid sh -c "trap : TERM; sleep 1000; sleep 1000" </dev/null >/dev/null 2>&1 &'
"""A script that leaves behind what has a session of its own and takes no SIGTERM."""


def said(process: subprocess.Popen[str]) -> str:
    """Wait for the next line of a client's output."""
    assert process.stdout is not None
    return process.stdout.readline()


def sleepers(machine: Machine) -> str:
    """Return the pids of what the unit's user runs that sleeps for long."""
    return machine.run("pgrep --uid telexec --full 'sleep 1000'", check=False)
