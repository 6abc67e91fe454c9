"""Running a program among mounts of its own."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.harness.required import skip_unless_required


def run_among_mounts(mounting: str, program: str, directory: Path) -> Any:
    """Return the JSON that a Python program prints in a mount namespace where `mounting` was done.

    Args:
        mounting: Shell commands. The test is skipped where they may not be done.
        program: Its first argument is `directory`.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        skip_unless_required("cannot find unshare(1)")
    namespace = [unshare, "--map-root-user", "--mount", "sh", "-c"]
    tried = subprocess.run([*namespace, mounting], capture_output=True, check=False)
    if tried.returncode != 0:
        skip_unless_required(f"cannot mount here: {tried.stderr.decode()}")
    command = shlex.join([sys.executable, "-c", program, str(directory)])
    done = subprocess.run(
        [*namespace, f"{mounting} && {command}"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)
