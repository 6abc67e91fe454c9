"""What `import telexec_client` promises."""

import subprocess
import sys

import pytest

import telexec_client
from telexec_client import environment


@pytest.mark.parametrize("name", telexec_client.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(telexec_client, name) is not None


def test_every_name_of_environments_is_public() -> None:
    assert set(environment.__all__) <= set(telexec_client.__all__)


def test_importing_it_loads_nothing_until_a_name_is_used() -> None:
    code = (
        "import sys, telexec_client\n"
        "before = {name for name in sys.modules if name.startswith('telexec_client.')}\n"
        "telexec_client.UNIFIED_EXEC\n"
        "print(sorted(before), 'telexec_client.client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env={})
    assert done.stdout == b"[] False\n"
