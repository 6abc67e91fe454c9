"""The machine on another kernel, a process (user-mode Linux), with every controller of cgroups.

It gets disks that are files, and no file system of this machine: systemd tidies up what it boots
from.
"""

import subprocess
import tempfile
from pathlib import Path

from tests.deploy.machine import Machine
from tests.harness.deadline import DEADLINE_S
from tests.harness.required import required_program

BOOT_DEADLINE_S = 300.0
"""For a kernel in a process, which is slow."""

DISK_BYTES = 2 << 30
"""Of which the file takes what is written."""

MAX_OUTPUT_BYTES = 1 << 20

# What is said goes to a disk without a file system, after the start of telexec.
_UNIT = """
[Unit]
Wants=telexec.service
After=telexec.service
[Service]
Type=oneshot
ExecStart=sh -c 'sh /script > /dev/ubdb 2>&1; sync'
ExecStopPost=systemctl --force --force poweroff
"""


def said_on_own_kernel(machine: Machine, directory: Path, config: str, script: str) -> str:
    """Boot a copy of a machine's files, run a script once telexec runs, and return the output.

    Args:
        directory: Takes the copy, of some hundred megabytes, for as long as this takes.
        config: What telexec's configuration has besides.
        script: For the shell of root.
    """
    kernel = required_program("linux.uml", "user-mode-linux")
    with tempfile.TemporaryDirectory(dir=directory) as name:
        return _said(kernel, machine, Path(name), config, script)


def _said(kernel: str, machine: Machine, directory: Path, config: str, script: str) -> str:
    root = directory / "root"
    root.mkdir()
    machine.copy_files(root)
    # It is no container any more, and systemd is to mount what it leaves to others there.
    (root / ".dockerenv").unlink()
    with (root / "etc/telexec/config.toml").open("a") as file:
        file.write(config)
    (root / "script").write_text(script)
    units = root / "etc/systemd/system"
    (units / "script.service").write_text(_UNIT)
    (units / "multi-user.target.wants/script.service").symlink_to("../script.service")

    disk, output = directory / "disk", directory / "output"
    make = [required_program("mkfs.ext4", "e2fsprogs"), "-q", "-O", "^has_journal", "-d", str(root)]
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run([*make, str(disk)], check=True, timeout=DEADLINE_S)
    output.write_bytes(bytes(MAX_OUTPUT_BYTES))
    disks = [f"ubd0={disk}", f"ubd1={output}", "root=/dev/ubda", "rootfstype=ext4", "rw"]
    booted = subprocess.run(
        [kernel, *disks, "mem=1000M", "quiet", "con=null", "con0=fd:0,fd:1", "init=/sbin/init"],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=BOOT_DEADLINE_S,
    )
    said = output.read_bytes().rstrip(b"\0").decode()
    assert said, booted.stdout.decode(errors="replace")
    return said
