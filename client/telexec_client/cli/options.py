"""Options that several commands have: which host, and which environment."""

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from telexec_client.cli.completion import complete_file, complete_host
from telexec_client.cli.env_file import read_env_file
from telexec_client.cli.hosts_file import has_hosts, read_hosts
from telexec_client.cli.request import (
    EnvironmentOptions,
    Inherit,
    Target,
    Where,
    overlay,
    unset_names,
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


def host_options(command: _Command) -> _Command:
    """Add `--host`, `--url`, `--token-file` and `--ca`; the host that they name comes as `host`."""

    @wraps(command)
    def with_host(
        *,
        url: str | None,
        host: str | None,
        token_file: str | None,
        ca_file: str | None,
        **others: Any,
    ) -> Any:
        return command(host=chosen_host(url, host, token_file, ca_file), **others)

    return host_parameters(cast("_Command", with_host))


def host_parameters(command: _Command) -> _Command:
    """Add the same, which come as `url`, `host`, `token_file` and `ca_file`: see `chosen_host`."""
    host = click.option(
        "--host",
        metavar="NAME",
        envvar="TELEXEC_HOST",
        shell_complete=complete_host,
        show_envvar=True,
        help="The host of this name: see `telexec hosts`. The name embedded is this machine, in an "
        "embedded host.  [default: the default there, else embedded]",
    )
    url = click.option(
        "--url",
        metavar="URL",
        envvar="TELEXEC_URL",
        show_envvar=True,
        help="Instead of a name, the service: ws://HOST:PORT, wss://HOST:PORT or unix:PATH.",
    )
    token_file = click.option(
        "--token-file",
        metavar="FILE",
        envvar="TELEXEC_TOKEN_FILE",
        shell_complete=complete_file,
        show_envvar=True,
        help="Where the service's token is.",
    )
    ca_file = click.option(
        "--ca",
        "ca_file",
        metavar="FILE",
        envvar="TELEXEC_CA",
        shell_complete=complete_file,
        show_envvar=True,
        help="For wss://, the authorities that may vouch for the service, in PEM.  [default: those "
        "that this system trusts]",
    )
    return host(url(token_file(ca_file(command))))


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
        shell_complete=complete_file,
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


def workdir_option(program: str) -> Callable[[_Command], _Command]:
    """Return what adds `-w`, where `program` starts, as `directory`."""
    return click.option(
        "-w",
        "--workdir",
        "directory",
        metavar="DIR",
        help=f"Where {program} starts, on the host.  [default: where the service runs]",
    )


def escape_option(command: _Command) -> _Command:
    """Add `--escape`, which comes as the byte, or None."""

    def parsed(context: click.Context, parameter: click.Parameter, value: str) -> int | None:
        if value == "none":
            return None
        if len(value) == 1 and value.isascii() and value.isprintable():
            return ord(value)
        raise click.BadParameter("write one ASCII character, or none", context, parameter)

    return click.option(
        "--escape",
        metavar="CHAR|none",
        default="~",
        show_default=True,
        callback=parsed,
        help="What begins the keys that are for telexec, at the start of a line: CHAR and ? is "
        "help.",
    )(command)


def chosen_host(
    url: str | None, host: str | None, token_file: str | None, ca_file: str | None
) -> Target:
    """Return the host that `host_parameters` name.

    Raises:
        click.UsageError: Both a name and a URL are given.
        CommandError: The caller's file of hosts cannot be used, or has none of that name.
    """
    if url is not None and host is not None:
        # What is said for one command goes before what is said for all.
        if is_for_all("url") and not is_for_all("host"):
            url = None
        elif is_for_all("host") and not is_for_all("url"):
            host = None
        elif is_for_all("host"):
            raise click.UsageError("TELEXEC_HOST and TELEXEC_URL exclude each other")
        else:
            raise click.UsageError("--host and --url exclude each other")
    if url is not None:
        target = Target(url, token_file, ca_file)
        # Who names a CA file on the command line expects TLS, and is to hear that there is none.
        return with_tls_only(target) if is_for_all("ca_file") else target
    target = Target() if host is None and not has_hosts() else _named_host(host)
    return overridden(target, token_file, ca_file)


def where(host: Target) -> Where:
    """Return the chosen host, and whether it was named on the command line."""
    context = click.get_current_context()
    sources = {context.get_parameter_source(name) for name in ("url", "host")}
    return Where(host, is_named=ParameterSource.COMMANDLINE in sources)


def overridden(target: Target, token_file: str | None, ca_file: str | None) -> Target:
    """Return a host that has a name with what the command line says in the place of its own.

    What is set for all commands is not: it belongs to the URL that is, and a token goes to no host
    that it was not given for.
    """
    if token_file is not None and not is_for_all("token_file") and target.url is not None:
        target = target._replace(token_file=token_file)
    if ca_file is not None and not is_for_all("ca_file"):
        target = target._replace(ca_file=ca_file)
    return target


def is_for_all(parameter: str) -> bool:
    """Return whether a parameter of this command was set for all commands, in the environment."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source is ParameterSource.ENVIRONMENT


def _named_host(name: str | None) -> Target:
    hosts = read_hosts()
    wanted = hosts.default if name is None else name
    return Target() if wanted is None else hosts.named(wanted)


def with_tls_only(target: Target) -> Target:
    """Return a host without the CA file unless it has TLS."""
    has_tls = target.url is not None and target.url.lower().startswith("wss:")
    return target if has_tls else target._replace(ca_file=None)


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
