"""The limits of trees on a kernel that has every controller, whatever that of the machine has."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.required import required_program

ROOT = Path(__file__).parents[3]
TESTS = Path(__file__).with_name("test_tree_limits.py").relative_to(ROOT)

DEADLINE_S = 400
"""For a kernel in a process, which is slow, and all of these tests."""

pytestmark = [pytest.mark.root, pytest.mark.timeout(DEADLINE_S + 20)]

# The root file system is that of the machine, and cannot be changed there.
INIT = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t hostfs none {directory} -o {directory}
mount -t tmpfs tmp {directory}/tmp
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t cgroup2 none /sys/fs/cgroup
{python} -c 'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, \
struct.pack("16sh14x", b"lo", 0x41))'
cd {root}
export TMPDIR={directory}/tmp HOME={directory}/tmp PATH={path} PYTHONDONTWRITEBYTECODE=1
{python} -m pytest -q -p no:cacheprovider {tests} > {directory}/output 2>&1
sync
{python} -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)'
"""


def test_trees_are_limited_on_a_kernel_with_every_controller(tmp_path: Path) -> None:
    kernel = required_program("linux.uml", "user-mode-linux")
    (tmp_path / "tmp").mkdir()
    values = {
        "directory": tmp_path,
        "python": sys.executable,
        "root": ROOT,
        "path": os.environ["PATH"],
        "tests": TESTS,
    }
    init = tmp_path / "init"
    init.write_text(INIT.format(**{name: shlex.quote(str(it)) for name, it in values.items()}))
    init.chmod(0o755)
    options = ["rootfstype=hostfs", "rootflags=/", "ro", "mem=1500M", "quiet", "con=null"]
    booted = subprocess.run(
        [kernel, *options, f"init={init}", "con0=fd:0,fd:1"],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE_S,
    )
    output = tmp_path / "output"
    said = output.read_text() if output.exists() else booted.stdout.decode(errors="replace")
    summary = said.splitlines()[-1]
    assert "passed" in summary, said
    assert "failed" not in summary, said
    assert "skipped" not in summary, said
