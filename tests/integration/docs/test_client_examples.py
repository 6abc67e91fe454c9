"""What docs/client.md shows runs, and comes to its end."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.harness.deadline import DEADLINE_S
from tests.harness.service import running_service

PAGE = (Path(__file__).parents[3] / "docs/client.md").read_text()
AROUND = """\
import asyncio
from telexec_client import connect

async def main():
    async with connect({url!r}) as client:
{body}

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("call", "printed"), [('"python3", "-i"', "exit()"), ("client.files.", "")]
)
def test_an_example_runs_to_its_end(tmp_path: Path, call: str, printed: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (example,) = [block for block in blocks if call in block]
    # Where the page writes to is for its reader to say.
    body = textwrap.indent(example.replace("/tmp/", f"{tmp_path}/"), " " * 8)
    script = tmp_path / "example.py"
    with running_service(tmp_path, config="[shutdown]\ndrain_s = 0.0\n") as service:
        script.write_text(AROUND.format(url=service.url, body=body))
        done = subprocess.run(
            [sys.executable, "-X", "dev", str(script)],
            capture_output=True,
            check=False,
            text=True,
            timeout=DEADLINE_S,
        )
    # A busy machine is no fault of an example's.
    complaints = re.sub(
        r"^Executing <.* took [\d.]+ seconds$\n", "", done.stderr, flags=re.MULTILINE
    )
    assert (done.returncode, complaints) == (0, "")
    assert printed in done.stdout
