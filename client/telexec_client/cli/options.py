"""Options that several commands have: which host, and which environment."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from telexec_client.cli.env_file import read_env_file
from telexec_client.cli.request import (
    EnvironmentOptions,
    Inherit,
    Target,
    overlay,
    unset_names,
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


def host_options(command: _Command) -> _Command:
    """Add `--url`, `--token-file` and `--ca`, which come as `url`, `token_file` and `ca_file`."""
    url = click.option(
        "--url",
        metavar="URL",
        envvar="TELEXEC_URL",
        show_envvar=True,
        help="The service: ws://HOST:PORT, wss://HOST:PORT or unix:PATH. Without it: this machine, "
        "in an embedded host.",
    )
    token_file = click.option(
        "--token-file",
        metavar="FILE",
        envvar="TELEXEC_TOKEN_FILE",
        show_envvar=True,
        help="Where the service's token is.",
    )
    ca_file = click.option(
        "--ca",
        "ca_file",
        metavar="FILE",
        envvar="TELEXEC_CA",
        show_envvar=True,
        help="For wss://, the authorities that may vouch for the service, in PEM.  [default: those "
        "that this system trusts]",
    )
    return url(token_file(ca_file(command)))


def variable_options(command: _Command) -> _Command:
    """Add `-e`, `--env-file` and `--unset`: `variables`, `env_files` and `unset`."""
    env = click.option(
        "-e",
        "--env",
        "variables",
        metavar="NAME[=VALUE]",
        multiple=True,
        help="Give PROGRAM a variable; without =VALUE, the one that is set here. Nothing else of "
        "the environment here is sent.",
    )
    env_file = click.option(
        "--env-file",
        "env_files",
        metavar="FILE",
        multiple=True,
        help="Give PROGRAM the variables of a file of NAME=VALUE lines; # starts a comment line. "
        "-e goes over it.",
    )
    unset = click.option(
        "--unset",
        "unset",
        metavar="NAME",
        multiple=True,
        help="Take a variable out of the host's environment.",
    )
    return env(env_file(unset(command)))


def policy_options(command: _Command) -> _Command:
    """Add `--profile` and `--inherit`, which come under these names."""
    profile = click.option(
        "--profile",
        metavar="NAME",
        help="By which of the host's policies PROGRAM gets the host's environment.  [default: the "
        "host's own, called default, with a URL; none on this machine]",
    )
    inherit = click.option(
        "--inherit",
        type=click.Choice(["all", "core", "none"]),
        help="In the place of a profile, what PROGRAM gets of the host's environment: all but "
        "names with KEY, SECRET or TOKEN in them; of these only PATH, HOME and the like; nothing.",
    )
    return profile(inherit(command))


def target(url: str | None, token_file: str | None, ca_file: str | None) -> Target:
    """Return the host that `host_options` name."""
    # A token that is set for all commands is not for the embedded host, which takes none.
    return Target(url, token_file if url is not None else None, wanted_ca(ca_file, url))


def wanted_ca(ca_file: str | None, *urls: str | None) -> str | None:
    """Return the CA file unless it is set for all commands, and none of these hosts has TLS.

    Who names one on the command line expects TLS, and is to hear that there is none.
    """
    source = click.get_current_context().get_parameter_source("ca_file")
    is_for_all = source is ParameterSource.ENVIRONMENT
    has_tls = any(url is not None and url.lower().startswith("wss:") for url in urls)
    return None if is_for_all and not has_tls else ca_file


def environment_options(
    *,
    variables: tuple[str, ...],
    env_files: tuple[str, ...],
    unset: tuple[str, ...],
    profile: str | None,
    inherit: Inherit | None,
) -> EnvironmentOptions:
    """Return the environment that `variable_options` and `policy_options` ask for.

    Raises:
        CommandError: A variable or a file cannot be used.
        click.UsageError: Both a profile and a policy are asked for.
    """
    if profile is not None and inherit is not None:
        raise click.UsageError("--profile and --inherit exclude each other")
    env = overlay([read_env_file(path) for path in env_files], variables, os.environ.get)
    return EnvironmentOptions(env, unset_names(unset, env), profile, inherit)
