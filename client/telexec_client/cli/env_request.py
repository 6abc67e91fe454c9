"""What `telexec env` asks for: pure, so that it can be tested."""

from typing import NamedTuple

from telexec_client.cli.errors import CommandError
from telexec_client.cli.request import EnvironmentOptions, Target

_URL_STARTS = ("ws:", "wss:", "unix:")


class UnusedOptionError(CommandError):
    """An option was given for something that has no use for it."""


class Side(NamedTuple):
    """A host, and the environment of a process there."""

    target: Target
    options: EnvironmentOptions


class ExplainRequest(NamedTuple):
    """One environment to explain. `values`: the values, too. `as_json`: as the host says it."""

    side: Side
    values: bool = False
    as_json: bool = False


class DiffRequest(NamedTuple):
    """Two environments to compare. `values`: the values, too. `as_json`: one JSON object."""

    a: Side
    b: Side
    values: bool = False
    as_json: bool = False


def diff_sides(
    operands: tuple[Target | str, Target | str],
    target: Target,
    options: EnvironmentOptions,
    token_file_b: str | None,
    profile_b: str | None,
) -> tuple[Side, Side]:
    """Return the two sides that the operands of `telexec env diff` name.

    Args:
        operands: Each a host, or the name of a profile of `target`.
        target: The host of a profile.
        options: What both are asked for; its profile is that of an operand that is a host.
        token_file_b: The token of B's host; `None`: A's, if it is the same host, else that which
            B's host has if it has a name, else none.
        profile_b: The profile of B, if that is a host; `None`: the same as that of A.

    Raises:
        UnusedOptionError: An option is about what is not there.
    """
    if options.profile is not None and all(isinstance(operand, str) for operand in operands):
        raise UnusedOptionError("cannot use --profile: both A and B are profiles themselves")
    a, b = (_side(operand, target, options) for operand in operands)
    if profile_b is not None:
        if isinstance(operands[1], str):
            raise UnusedOptionError("cannot use --profile-b: B is a profile itself")
        b = b._replace(options=b.options._replace(profile=profile_b))
    if token_file_b is not None:
        if b.target.url is None:
            raise UnusedOptionError("cannot use --token-file-b: B is here, where no token is asked")
        b = b._replace(target=b.target._replace(token_file=token_file_b))
    elif b.target.url == a.target.url:
        b = b._replace(target=b.target._replace(token_file=a.target.token_file))
    elif b.target.name is None:
        # A token goes to no host that it was not given for.
        b = b._replace(target=b.target._replace(token_file=None))
    return a, b


def is_url(operand: str) -> bool:
    """Return whether an operand is the URL of a host, and not the name of a profile."""
    return operand.startswith(_URL_STARTS)


def _side(operand: Target | str, target: Target, options: EnvironmentOptions) -> Side:
    if isinstance(operand, Target):
        return Side(operand, options)
    return Side(target, options._replace(profile=operand))
