"""Limits of trees below the unit, where systemd has controllers to delegate."""

import json
from pathlib import Path

import pytest

from tests.deploy.client import TELEXEC
from tests.deploy.machine import Machine
from tests.deploy.own_kernel import said_on_own_kernel

CONFIG = """
[cgroups]
parent = "auto"
[processes]
tree_memory_bytes = 100_000_000
tree_tasks = 20
tree_cpu_percent = 50
"""

# The second says how many of fifty it could start, and takes them along.
SCRIPT = f"""
run="{TELEXEC} --json --url ws://127.0.0.1:7333 --"
$run sh -c 'cat /sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/cpu.max'
$run python3 -c '
import os, signal
count = 0
for _ in range(50):
    try:
        if os.fork() == 0:
            signal.pause()
    except BlockingIOError:
        break
    count += 1
print(count, flush=True)
os.kill(0, signal.SIGKILL)
'
$run python3 -c 'b"x" * 300_000_000'
$run echo serves on
systemctl show --property=ActiveState --property=NRestarts telexec
"""


@pytest.mark.root
def test_a_tree_is_limited_by_what_systemd_delegates(unit: Machine, tmp_path: Path) -> None:
    said = said_on_own_kernel(unit, tmp_path, CONFIG, SCRIPT)
    *answers, state, restarts = said.splitlines()
    cpu, tasks, memory, after = map(json.loads, answers)
    assert cpu["stdout"] == "50000 100000\n"
    assert 10 < int(tasks["stdout"]) < 20
    assert memory["reason"] == "oom"
    assert after["stdout"] == "serves on\n"
    # Nor has systemd taken the end of one for the end of all (OOMPolicy=).
    assert {state, restarts} == {"ActiveState=active", "NRestarts=0"}
