"""`telexec shell`: its options and help. What it does is elsewhere."""

import os

import click

from telexec_client.cli.duration import parse_duration
from telexec_client.cli.errors import CommandError
from telexec_client.cli.options import (
    environment_options,
    escape_option,
    host_options,
    policy_options,
    variable_options,
    workdir_option,
)
from telexec_client.cli.request import (
    DEFAULT_KEEP_S,
    EnvironmentOptions,
    Inherit,
    RunRequest,
    Target,
    check_argv,
)

_STDIN, _STDOUT = 0, 1

_EPILOG = """\b
Examples:
  telexec shell --host build1
  telexec shell --host build1 -w /src -- python3 -i
  telexec shell --host build1 --name work --keep 8h
  telexec attach work            # after ~d, or when the terminal had closed

\b
At the start of a line, ~ and one of these keys is for telexec:
  ~.   end what runs there      ~^Z  suspend telexec
  ~d   with --name: detach      ~?   help
                                ~~   a ~

When the connection is lost, telexec says so, keeps what is typed, and goes on
when it is back.

\b
Exit code: that of the shell, or 128+N if signal N ended it; 129 after ~. ;
125 if telexec itself failed.
"""


class NoTerminalError(CommandError):
    """There is no terminal here to put a remote one in."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"cannot open a shell: {what} is not a terminal; use telexec run -- PROGRAM to run a "
            "command, telexec run -t to give it a terminal all the same"
        )


@click.command(
    "shell",
    short_help="Open a shell on a host.",
    epilog=_EPILOG,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@host_options
@variable_options
@policy_options
@workdir_option("the shell")
@click.option(
    "--name",
    "session",
    metavar="SESSION",
    help="Run it in a new session of this name, which ~d or a terminal that closes leaves running.",
)
@click.option(
    "--keep",
    metavar="DURATION",
    help="With --name, how long the session goes on when nobody is connected to it, as far as the "
    "host allows.  [default: 24h]",
)
@escape_option
@click.argument("program", metavar="[--] [PROGRAM [ARGUMENT]...]", nargs=-1)
def shell(
    *,
    host: Target,
    variables: tuple[str, ...],
    env_files: tuple[str, ...],
    unset: tuple[str, ...],
    profile: str | None,
    inherit: Inherit | None,
    directory: str | None,
    session: str | None,
    keep: str | None,
    escape: int | None,
    program: tuple[str, ...],
) -> int:
    """Open an interactive shell on a host, in the terminal here.

    It is the host's own shell, as a login shell, or PROGRAM. TERM is that of the terminal here.
    """
    for fd, what in ((_STDIN, "standard input"), (_STDOUT, "standard output")):
        if not os.isatty(fd):
            raise NoTerminalError(what)
    if keep is not None and session is None:
        raise click.UsageError("--keep is for --name")
    if session is not None and host.url is None:
        raise click.UsageError(
            "--name is for a host with a --host or --url: the one on this machine ends with telexec"
        )
    environment = environment_options(
        variables=variables, env_files=env_files, unset=unset, profile=profile, inherit=inherit
    )
    request = RunRequest(
        argv=check_argv(program) if program else (),
        target=host,
        environment=_with_terminal(environment),
        directory=directory,
        terminal=True,
        interactive=True,
        session=session,
        on_disconnect=_kept_s(session, keep),
        escape=escape,
    )
    if session is not None:
        from telexec_client.cli.process_name import checked_session_name  # noqa: PLC0415 - slow

        checked_session_name(session)
    from telexec_client.cli.remote_run import run_to_the_end  # noqa: PLC0415 - slow to import

    return run_to_the_end(request)


def _kept_s(session: str | None, keep: str | None) -> float | None:
    if session is None:
        return None
    return DEFAULT_KEEP_S if keep is None else parse_duration(keep)


def _with_terminal(environment: EnvironmentOptions) -> EnvironmentOptions:
    """Return an environment that says which terminal there is, unless it says so already."""
    term, env = os.environ.get("TERM"), environment.env or {}
    if not term or "TERM" in env or "TERM" in environment.unset:
        return environment
    return environment._replace(env={**env, "TERM": term})
