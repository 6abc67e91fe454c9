"""A machine that systemd runs: a container that it is the first process of."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.deadline import DEADLINE_S, eventually_blocking

IMAGE = "telexec-tests/machine:bookworm"
"""What `.ci/machine-image` makes."""

# Credentials are mounted in a process of systemd's own, and must be seen outside of it. Cgroups are
# to be of version 2, as systemd has them by itself; Docker mounts what the host has, without the
# right to write. The container is in a cgroup of version 2 also where its limits are of version 1.
_BOOT = """
mount --make-rshared /
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    umount --recursive /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
fi
mount -o remount,rw /sys/fs/cgroup
exec /sbin/init
"""


class Machine:
    """A running machine."""

    def __init__(self, container: str) -> None:
        self._container = container

    def run(self, script: str, *, check: bool = True, **env: str) -> str:
        """Run a shell script as root and return its output; with `check` it must succeed.

        Args:
            env: Variables on top of the machine's.
        """
        assignments = [word for name in env for word in ("--env", f"{name}={env[name]}")]
        done = subprocess.run(
            ["docker", "exec", *assignments, self._container, "sh", "-euc", script],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=4 * DEADLINE_S,
        )
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def running(self, script: str) -> Generator[subprocess.Popen[str]]:
        """Run a shell script as root in the block; its output is a pipe of text."""
        argv = ["docker", "exec", self._container, "sh", "-euc", script]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=-1, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def drop_in(self, name: str, text: str) -> None:
        """Lay settings of [Service] over the unit's."""
        directory = "/etc/systemd/system/telexec.service.d"
        self.run(
            f"mkdir -p {directory}; printf '[Service]\\n{text}\\n' > {directory}/{name}.conf;"
            "systemctl daemon-reload"
        )

    def put(self, files: Path, directory: str) -> None:
        """Copy the content of a directory into a new one there."""
        self.run(f"mkdir -p {directory}")
        subprocess.run(
            ["docker", "cp", f"{files}/.", f"{self._container}:{directory}"],
            check=True,
            capture_output=True,
            timeout=DEADLINE_S,
        )

    def copy_files(self, directory: Path) -> None:
        """Copy its files, without those in /run and /tmp, to a directory of this machine."""
        argv = ["docker", "export", self._container]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as export:
            unpack = ["tar", "-x", "-C", str(directory)]
            subprocess.run(unpack, check=True, stdin=export.stdout, timeout=4 * DEADLINE_S)
        assert export.returncode == 0

    def unit_property(self, name: str) -> str:
        """Return what systemd says of the unit."""
        return self.run(f"systemctl show --property={name} --value telexec").strip()


@contextmanager
def running_machine() -> Generator[Machine]:
    """Boot a machine; it is gone when the block ends."""
    argv = ["docker", "run", "--detach", "--rm", "--cap-add=SYS_ADMIN", "--cgroupns=private"]
    argv += ["--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"]
    argv += ["--tmpfs=/run", "--tmpfs=/tmp", "--env=container=docker", IMAGE, "sh", "-c", _BOOT]
    started = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=DEADLINE_S)
    container = started.stdout.strip()
    machine = Machine(container)

    def state() -> str:
        return machine.run("systemctl is-system-running", check=False)

    try:
        eventually_blocking(
            # Degraded: some other unit fails in a container, which is not looked at here.
            lambda: state() in {"running\n", "degraded\n"},
            what="the machine to be up",
        )
        yield machine
    finally:
        subprocess.run(
            ["docker", "rm", "--force", container],
            check=True,
            capture_output=True,
            timeout=DEADLINE_S,
        )
