"""Modules that are loaded when they are used, each looked at in a program of its own."""

import subprocess
import sys

import pytest

BEFORE = "from telexec_schemas.late_module import put_off; import sys; put_off('email.message'); "
IS_LOADED = "'Message' in vars(sys.modules['email.message'])"


def said(code: str) -> str:
    argv = [sys.executable, "-c", BEFORE + code]
    return subprocess.run(argv, capture_output=True, check=True, text=True).stdout.strip()


def test_importing_a_module_that_is_put_off_does_not_load_it() -> None:
    assert said(f"import email.message; print({IS_LOADED})") == "False"


@pytest.mark.parametrize(
    "use",
    [
        "import email.message; email.message.Message",
        "from email.message import Message",
        "from email import message; message.Message",
        "import email.message as it; it.Message",
    ],
)
def test_using_it_loads_it(use: str) -> None:
    assert said(f"{use}; print({IS_LOADED})") == "True"


def test_what_was_imported_before_the_first_use_is_as_good_as_the_module() -> None:
    code = (
        "import email.message as early; early.Message; import email.message as late;"
        "print(early is not late, early.Message is late.Message)"
    )
    assert said(code) == "True True"


def test_it_can_be_found_and_lacks_what_it_lacks() -> None:
    code = (
        "import email.message, importlib.util;"
        "print(importlib.util.find_spec('email.message').name, hasattr(email.message, 'nothing'))"
    )
    assert said(code) == "email.message False"


def test_what_is_loaded_already_stays() -> None:
    code = (
        "email.message.Message; import email.message as it; put_off('email.message');"
        "print(sys.modules['email.message'] is it)"
    )
    assert said("import email.message; " + code) == "True"
