"""The environment variables that options name: `-e` and `--unset`."""

from collections.abc import Callable, Iterable, Mapping

from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable

CallersVariable = Callable[[str], str | None]
"""Looks up one variable of the caller's environment by its name; `None`: it is not set."""


class InvalidVariableError(CommandError):
    """A variable cannot be sent as it was given; the text says why."""


def parse_variable(argument: str, callers: CallersVariable) -> tuple[str, str]:
    """Return the name and value that one `-e` gives.

    Args:
        argument: `NAME=VALUE`, or `NAME` for the value that the caller's environment has.
        callers: Looks up the named variable; nothing else of the caller's environment is seen.

    Raises:
        InvalidVariableError: There is no name, the caller has no such variable, or the value is not
            UTF-8.
    """
    name, equals, value = argument.partition("=")
    if not name:
        raise InvalidVariableError(f"cannot use {argument!r} as a variable: it has no name")
    if not equals:
        callers_value = callers(name)
        if callers_value is None:
            raise InvalidVariableError(f"cannot pass on {name}: it is not set here")
        value = callers_value
    if not is_utf8(name) or not is_utf8(value):
        raise InvalidVariableError(f"cannot pass on {printable(name)}: it is not UTF-8")
    return name, value


def parse_name(argument: str) -> str:
    """Return the name that one `--unset` gives.

    Raises:
        InvalidVariableError: It cannot be the name of a variable.
    """
    if not argument or "=" in argument or not is_utf8(argument):
        raise InvalidVariableError(f"cannot unset {printable(argument)!r}: it is not a name")
    return argument


def merged(layers: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return all variables; where layers have one in common, the last layer's."""
    variables: dict[str, str] = {}
    for layer in layers:
        variables |= layer
    return variables


def is_utf8(text: str) -> bool:
    """Return whether a text of the operating system can be sent: JSON has no way to carry others.

    Bytes that are not UTF-8 are surrogate-escaped in `text` (PEP 383).
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
