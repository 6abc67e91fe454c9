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
    operands: tuple[str, str],
    target: Target,
    options: EnvironmentOptions,
    token_file_b: str | None,
    profile_b: str | None,
) -> tuple[Side, Side]:
    """Return the two sides that the operands of `telexec env diff` name.

    Args:
        operands: Each the URL of a host, or the name of a profile of `target`.
        target: The host of a profile; its token is that of A's host, its CA file for both.
        options: What both are asked for; its profile is that of an operand that is a URL.
        token_file_b: The token of B's host; `None`: A's, if it is the same host, else none.
        profile_b: The profile of B, if that is a URL; `None`: the same as that of A.

    Raises:
        UnusedOptionError: An option is about what is not there.
    """
    if options.profile is not None and not any(map(_is_url, operands)):
        raise UnusedOptionError("cannot use --profile: both A and B are profiles themselves")
    a, b = (_side(operand, target, options) for operand in operands)
    if profile_b is not None:
        if not _is_url(operands[1]):
            raise UnusedOptionError("cannot use --profile-b: B is a profile itself")
        b = b._replace(options=b.options._replace(profile=profile_b))
    if token_file_b is not None:
        if b.target.url is None:
            raise UnusedOptionError("cannot use --token-file-b: B is here, where no token is asked")
        b = b._replace(target=b.target._replace(token_file=token_file_b))
    elif b.target.url != a.target.url:
        # A token goes to no host that it was not given for.
        b = b._replace(target=b.target._replace(token_file=None))
    if target.ca_file is not None and a.target.ca_file is None and b.target.ca_file is None:
        raise UnusedOptionError("cannot use --ca: neither A nor B is a host at wss://")
    return a, b


def _side(operand: str, target: Target, options: EnvironmentOptions) -> Side:
    if _is_url(operand):
        return Side(_with_ca(Target(operand, target.token_file), target.ca_file), options)
    # The embedded host takes no token.
    host = Target() if target.url is None else _with_ca(target, target.ca_file)
    return Side(host, options._replace(profile=operand))


def _with_ca(target: Target, ca_file: str | None) -> Target:
    has_tls = target.url is not None and target.url.lower().startswith("wss:")
    return target._replace(ca_file=ca_file if has_tls else None)


def _is_url(operand: str) -> bool:
    return operand.startswith(_URL_STARTS)
