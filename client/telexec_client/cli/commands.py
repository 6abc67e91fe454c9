"""The command line of `telexec`: its commands, options and help. What they do is elsewhere.

Only what `--help` needs is imported here; a command imports the rest when it runs.
"""

import os
import signal
from collections.abc import Sequence

import click

from telexec_client.cli.completion import complete_session
from telexec_client.cli.duration import parse_duration
from telexec_client.cli.errors import CommandError
from telexec_client.cli.exit_codes import OWN_FAILURE, killed_by
from telexec_client.cli.lazy_group import LazyGroup
from telexec_client.cli.message import say
from telexec_client.cli.options import (
    environment_options,
    escape_option,
    host_options,
    policy_options,
    variable_options,
    workdir_option,
)
from telexec_client.cli.request import (
    DetachRequest,
    Inherit,
    RunRequest,
    Target,
    check_argv,
    parse_on_disconnect,
)
from telexec_client.cli.standard_descriptors import claim_standard_descriptors

DEBUG_VARIABLE = "TELEXEC_DEBUG"
"""Set: a mistake of telexec itself ends it with a traceback and not with one line."""

_RUN_EPILOG = """\b
Examples:
  telexec run -- uname -a
  telexec run --url ws://build1:7333 --token-file ~/token -- make -j8
  tar c src | telexec run --host build1 -w /tmp -- tar x
  telexec run -it -e TERM -- bash
  telexec run -e CI=true -e GIT_TOKEN --env-file ci.env -- ./test
  telexec run --profile ci -- ./test
  telexec run --json --timeout 30s -- df -h | jq -r .stdout
  telexec run -d --name nightly --keep 12h -- make world

\b
Exit code: that of PROGRAM, or 128+N if signal N ended it, or
  124  its --timeout was over    126  PROGRAM cannot be executed
  125  telexec itself failed     127  PROGRAM was not found

^C interrupts PROGRAM; a second ^C terminates it; a third leaves at once.
"""


def run_command_line(arguments: Sequence[str]) -> int:
    """Do what the arguments ask for and return the exit code; a failure is one line on stderr."""
    claim_standard_descriptors()
    try:
        # A command returns its exit code; --help and --version end with 0.
        return int(telexec.main(arguments, prog_name="telexec", standalone_mode=False))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return OWN_FAILURE
    except click.ClickException as error:
        return _fail(f"cannot understand the command line: {error.format_message()}")
    except CommandError as error:
        say(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return killed_by(signal.SIGINT)
    except Exception as error:
        # The root of the command: nobody else would say it.
        if DEBUG_VARIABLE in os.environ:
            raise
        return _fail(
            f"cannot go on, by a mistake of telexec itself: {type(error).__name__}: {error}"
            f" (set {DEBUG_VARIABLE}=1 to see where)"
        )


@click.group(
    "telexec",
    cls=LazyGroup,
    commands_elsewhere={
        "attach": "telexec_client.cli.session_commands:attach",
        "bench": "telexec_client.cli.bench_command:bench",
        "completion": "telexec_client.cli.completion_command:completion",
        "doctor": "telexec_client.cli.doctor_command:doctor",
        "env": "telexec_client.cli.env_commands:env",
        "hosts": "telexec_client.cli.hosts_command:hosts",
        "kill": "telexec_client.cli.session_commands:kill",
        "logs": "telexec_client.cli.session_commands:logs",
        "ps": "telexec_client.cli.session_commands:ps",
        "shell": "telexec_client.cli.shell_command:shell",
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="telexec", message="%(prog)s %(version)s")
def telexec() -> None:
    """Run processes on another machine, in that machine's environment."""


@telexec.command(
    "run",
    epilog=_RUN_EPILOG,
    # What follows PROGRAM is PROGRAM's, also what looks like an option.
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@host_options
@variable_options
@policy_options
@workdir_option("PROGRAM")
@click.option("-t", "--tty", "terminal", is_flag=True, help="Give PROGRAM a terminal.")
@click.option(
    "-i",
    "--interactive",
    is_flag=True,
    help="Forward stdin also from a terminal. A pipe or file is always forwarded.",
)
@escape_option
@click.option("-n", "--no-stdin", is_flag=True, help="Never forward stdin.")
@click.option(
    "--timeout",
    metavar="DURATION",
    help="End PROGRAM after this time: 500ms, 30s, 5m, 1h.",
)
@click.option(
    "--on-disconnect",
    metavar="kill|DURATION",
    help="When the connection is lost, end PROGRAM at once, or keep it so long for telexec to come "
    "back, as far as the host allows.  [default: what is usual on the host, mostly 30s]",
)
@click.option(
    "-d",
    "--detach",
    "is_detached",
    is_flag=True,
    help="Start PROGRAM in a session on the host that goes on without telexec, print "
    "SESSION/PROCESS and leave. With -i its stdin stays open for telexec attach.",
)
@click.option(
    "--name",
    "session",
    metavar="SESSION",
    shell_complete=complete_session,
    help="With -d, the session: it is made, or taken up if it is there.  [default: a new one, "
    "named after PROGRAM]",
)
@click.option(
    "--keep",
    metavar="DURATION",
    help="With -d, how long the session goes on when nobody is connected to it, as far as the host "
    "allows; then it ends, with all that runs in it.  [default: 24h for a new session]",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object when PROGRAM has ended: exitCode, signal, reason, durationMs, "
    "stdout and stderr as text (or base64, as stdoutEncoding and stderrEncoding say), truncated "
    "(past 16 MiB of a stream), error. With -d at once: session, process, pid, sessionId, leaseMs.",
)
@click.argument("program", metavar="[--] PROGRAM [ARGUMENT]...", nargs=-1, required=True)
def run(
    *,
    host: Target,
    variables: tuple[str, ...],
    env_files: tuple[str, ...],
    unset: tuple[str, ...],
    profile: str | None,
    inherit: Inherit | None,
    directory: str | None,
    terminal: bool,
    interactive: bool,
    escape: int | None,
    no_stdin: bool,
    timeout: str | None,
    on_disconnect: str | None,
    is_detached: bool,
    session: str | None,
    keep: str | None,
    as_json: bool,
    program: tuple[str, ...],
) -> int:
    """Run PROGRAM on a host as if it ran here.

    Its output and errors come as they are written, stdin and ^C go to it, and its exit code is
    the exit code.
    """
    if interactive and no_stdin:
        raise click.UsageError("-i and -n exclude each other")
    if on_disconnect is not None and host.url is None:
        raise click.UsageError("--on-disconnect is for a host with a --host or --url")
    if is_detached:
        _check_detached(host, on_disconnect=on_disconnect)
    elif session is not None or keep is not None:
        raise click.UsageError("--name and --keep are for -d")
    request = RunRequest(
        argv=check_argv(program),
        target=host,
        environment=environment_options(
            variables=variables,
            env_files=env_files,
            unset=unset,
            profile=profile,
            inherit=inherit,
        ),
        directory=directory,
        terminal=terminal,
        interactive=interactive,
        no_stdin=no_stdin,
        timeout_s=None if timeout is None else parse_duration(timeout),
        on_disconnect=None if on_disconnect is None else parse_on_disconnect(on_disconnect),
        as_json=as_json,
        escape=escape,
    )
    if is_detached:
        from telexec_client.cli.detached_start import start_and_leave  # noqa: PLC0415 - as below

        keep_s = None if keep is None else parse_duration(keep)
        return start_and_leave(DetachRequest(request, session, keep_s))
    from telexec_client.cli.remote_run import run_to_the_end  # noqa: PLC0415 - slow to import

    return run_to_the_end(request)


def _check_detached(host: Target, *, on_disconnect: str | None) -> None:
    if host.url is None:
        raise click.UsageError(
            "-d is for a host with a --host or --url: the one on this machine ends with telexec"
        )
    if on_disconnect is not None:
        raise click.UsageError("-d and --on-disconnect exclude each other; see --keep")


def _fail(message: str) -> int:
    say(message)
    return OWN_FAILURE
