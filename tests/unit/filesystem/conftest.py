"""Trees to work on, and an identity that permissions hold for."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_NOBODY = 65_534


@pytest.fixture
def unprivileged(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return an empty directory of the user that the test runs as, who is not root.

    The tests of a container run as root, for whom permissions do not exist.
    """
    # Not below pytest's own directory, which nobody else may enter.
    directory = Path(tempfile.mkdtemp(prefix="telexec-test-"))
    try:
        if os.geteuid() != 0:
            yield directory
            return
        os.chown(directory, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
        try:
            yield directory
        finally:
            os.seteuid(0)
    finally:
        for path, directories, _ in os.walk(directory):
            for name in directories:
                os.chmod(os.path.join(path, name), 0o700)
        shutil.rmtree(directory)
