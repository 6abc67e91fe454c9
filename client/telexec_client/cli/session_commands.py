"""The commands for what runs in sessions: their options and help. What they do is elsewhere."""

from typing import Literal

import click

from telexec_client.cli.completion import complete_process, complete_session
from telexec_client.cli.options import escape_option, host_options, where
from telexec_client.cli.request import AttachRequest, KillRequest, ListRequest, LogsRequest, Target

_PS_EPILOG = """\b
Examples:
  telexec ps
  telexec ps nightly --json | jq -r '.sessions[].processes[].exitCode'
  telexec ps --all --host build1

Without SESSION, the sessions are those that telexec run -d and attach left from this account; what
a host does not have any more is forgotten, and telexec says why it is gone.

\b
Exit code: 0, 1 if a SESSION is not there or not every host answered, 125 if
telexec itself failed.
"""

_ATTACH_EPILOG = """\b
Examples:
  telexec attach nightly
  telexec attach --take-over make-3f9c/1b0e22aa
  telexec attach -n nightly > nightly.log

Closing the terminal (SIGHUP) leaves the process running, and so do ~d and ~& at the start of a line
if it has a terminal; ~? is help. ^C interrupts it as in telexec run; a second ^C terminates it; a
third leaves at once.

\b
Exit code: that of the process, or 128+N if signal N ended it, 0 if it was
left running, 124 if its --timeout was over, 125 if telexec itself failed.
"""

_LOGS_EPILOG = """\b
Examples:
  telexec logs nightly
  telexec logs -f -n 20 make-3f9c/1b0e22aa
  telexec logs --stderr nightly | grep -c warning

The host keeps the newest output of a process, mostly 1 MiB of it: what is missing is said.

\b
Exit code: 0, 125 if telexec itself failed.
"""

_KILL_EPILOG = """\b
Examples:
  telexec kill nightly
  telexec kill -s HUP nightly/1b0e22aa other
  telexec kill --session nightly

\b
Exit code: 0, 1 if something that was named is not there, 125 if telexec
itself failed.
"""


@click.command("ps", short_help="List processes in sessions.", epilog=_PS_EPILOG)
@click.argument("sessions", metavar="[SESSION]...", nargs=-1, shell_complete=complete_session)
@host_options
@click.option(
    "--all",
    "is_for_all",
    is_flag=True,
    help="All sessions of the host, also those of others; the token must be for that.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def ps(*, sessions: tuple[str, ...], is_for_all: bool, as_json: bool, host: Target) -> int:
    """List what runs, and what is remembered, in sessions that were left on hosts.

    PROCESS is the beginning of the process's id; SESSION/PROCESS names it for telexec attach, logs
    and kill. Without --host or --url, a SESSION is looked for where it was left.
    """
    if is_for_all and sessions:
        raise click.UsageError("--all and SESSION exclude each other")
    if is_for_all and host.url is None:
        raise click.UsageError("--all is for one host: name it with --host or --url")
    request = ListRequest(where(host), sessions, is_for_all=is_for_all, as_json=as_json)
    from telexec_client.cli.remote_list import list_there  # noqa: PLC0415 - slow to import

    return list_there(request)


@click.command("attach", short_help="Follow a process in a session.", epilog=_ATTACH_EPILOG)
@click.argument("process", metavar="SESSION[/PROCESS]", shell_complete=complete_process)
@host_options
@click.option(
    "--take-over",
    is_flag=True,
    help="Also where another client is connected to the session, which is then told that it was "
    "taken over.",
)
@click.option("-n", "--no-stdin", is_flag=True, help="Never forward stdin.")
@escape_option
def attach(
    *, process: str, host: Target, take_over: bool, no_stdin: bool, escape: int | None
) -> int:
    """Follow a process as if it had been started from here with telexec run.

    Its output comes from the oldest that the host keeps on; stdin, signals and the size of the
    terminal go to it, and its exit code is the exit code. Without PROCESS it is that process of the
    session that runs, or the only one. Without --host or --url, the session is looked for where it
    was left.
    """
    request = AttachRequest(
        where(host), process, take_over=take_over, no_stdin=no_stdin, escape=escape
    )
    from telexec_client.cli.remote_attach import attach_there  # noqa: PLC0415 - slow to import

    return attach_there(request)


@click.command("logs", short_help="Print the output of a process.", epilog=_LOGS_EPILOG)
@click.argument("process", metavar="SESSION[/PROCESS]", shell_complete=complete_process)
@host_options
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with what comes, until the process has ended."
)
@click.option("--stdout", "stream", flag_value="stdout", help="Only its output.")
@click.option("--stderr", "stream", flag_value="stderr", help="Only its errors, on our stdout.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    metavar="LINES",
    help="Begin with the last so many lines.  [default: with all that the host keeps]",
)
def logs(
    *,
    process: str,
    follow: bool,
    stream: Literal["stdout", "stderr"] | None,
    lines: int | None,
    host: Target,
) -> int:
    """Print the output that the host keeps of a process.

    Nobody is disturbed by it: neither the process nor who is attached to it. Without PROCESS it is
    that process of the session that runs, or the only one. Without --host or --url, the session is
    looked for where it was left.
    """
    request = LogsRequest(where(host), process, follow=follow, stream=stream, lines=lines)
    from telexec_client.cli.remote_logs import print_logs  # noqa: PLC0415 - slow to import

    return print_logs(request)


@click.command("kill", short_help="End or signal processes.", epilog=_KILL_EPILOG)
@click.argument(
    "names",
    metavar="SESSION[/PROCESS]...",
    nargs=-1,
    required=True,
    shell_complete=complete_process,
)
@host_options
@click.option(
    "-s",
    "--signal",
    metavar="SIGNAL",
    help="Send this signal to the process group, by name or number, and do nothing else.",
)
@click.option(
    "--session",
    "is_for_sessions",
    is_flag=True,
    help="End each SESSION as a whole, with all that runs in it and what the host keeps of it.",
)
@click.option(
    "--take-over",
    is_flag=True,
    help="Also where another client is connected to the session, which is then told that it was "
    "taken over.",
)
def kill(
    *,
    names: tuple[str, ...],
    signal: str | None,
    is_for_sessions: bool,
    take_over: bool,
    host: Target,
) -> int:
    """End processes with all that they started, also in the background.

    All of it gets TERM, and what is left after the host's grace KILL. Without PROCESS it is that
    process of the session that runs, or the only one. Without --host or --url, the session is
    looked for where it was left.
    """
    if is_for_sessions and signal is not None:
        raise click.UsageError("--session and --signal exclude each other")
    from telexec_client.cli.signal_name import parse_signal  # noqa: PLC0415 - for kill alone

    request = KillRequest(
        where(host),
        names,
        signal=None if signal is None else parse_signal(signal),
        is_for_sessions=is_for_sessions,
        take_over=take_over,
    )
    from telexec_client.cli.remote_kill import kill_there  # noqa: PLC0415 - slow to import

    return kill_there(request)
