"""Tests that need what a machine may lack."""

import os
import shutil
from typing import NoReturn

import pytest


def skip_unless_required(reason: str) -> NoReturn:
    """Skip the test with a reason; in CI fail it, because there a skip would go unnoticed."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def required_program(name: str, package: str | None = None) -> str:
    """Return the path of a program, which a package has (of its own name if none is said)."""
    path = shutil.which(name)
    if path is None:
        skip_unless_required(f"cannot find {name}: install {package or name}")
    return path
