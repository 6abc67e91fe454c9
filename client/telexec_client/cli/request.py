"""What a command asks for, put together from its options: pure, so that it can be tested.

Nothing here reads a file, a terminal or `os.environ`; those come as arguments.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from telexec_client.cli.duration import parse_duration
from telexec_client.cli.errors import CommandError
from telexec_client.cli.variables import (
    CallersVariable,
    InvalidVariableError,
    is_utf8,
    merged,
    parse_name,
    parse_variable,
)

Inherit = Literal["all", "core", "none"]


DEFAULT_KEEP_S = 86_400.0
"""How long a new session is to be kept where nothing is said of it."""


class InvalidArgumentError(CommandError):
    """An argument of the remote command cannot be sent; the text says why."""


class Target(NamedTuple):
    """The host to run on; without a URL, the embedded host.

    `token_file` holds the bearer token; `None`: none is sent. `ca_file`: as that of `connect`.
    `name`: what the caller's file of hosts calls it; `None`: it was not named by that.
    """

    url: str | None = None
    token_file: str | None = None
    ca_file: str | None = None
    name: str | None = None


class EnvironmentOptions(NamedTuple):
    """The environment that a process is to get.

    `env` is laid over what the policy gives, `unset` taken out of it. The policy is the host's that
    is called `profile`, or one of our own that says `inherit`; with neither it is the host's own on
    a remote host, and nothing is given on the embedded one.
    """

    env: Mapping[str, str] | None = None
    unset: tuple[str, ...] = ()
    profile: str | None = None
    inherit: Inherit | None = None


class RunRequest(NamedTuple):
    """One command and how to run it.

    `argv`: empty for the host's own shell, as a login shell. `directory`: `None` for the host's
    own; a relative one starts there. `terminal`: on a PTY. `interactive`: forward stdin also from a
    terminal. `no_stdin`: never forward it. `as_json`: one JSON object at the end instead of the
    output. `on_disconnect`: as that of `connect`. `session`: the name of a new session to run it
    in, in which it can be left; `on_disconnect` says for how long. `escape`: see `EscapeKeys`.
    """

    argv: tuple[str, ...]
    target: Target = Target()
    environment: EnvironmentOptions = EnvironmentOptions()
    directory: str | None = None
    terminal: bool = False
    interactive: bool = False
    no_stdin: bool = False
    timeout_s: float | None = None
    on_disconnect: Literal["kill"] | float | None = None
    as_json: bool = False
    session: str | None = None
    escape: int | None = None


class DetachRequest(NamedTuple):
    """One command that is to go on without telexec, and how.

    `session`: the name of its session; `None`: one that is made for it. `keep_s`: how long the
    session is to go on without a client; `None`: as long as is usual for a new one, and no other
    time than before for one that there is.
    """

    run: RunRequest
    session: str | None = None
    keep_s: float | None = None


class Where(NamedTuple):
    """The host that a command is about.

    `is_named`: it was named for this command, and not for all of them.
    """

    target: Target
    is_named: bool


class ListRequest(NamedTuple):
    """Which processes to list: those of some sessions, by names or ids; of all that are known here.

    `is_for_all`: of all sessions of the host.
    """

    where: Where
    sessions: tuple[str, ...] = ()
    is_for_all: bool = False
    as_json: bool = False


class LogsRequest(NamedTuple):
    """Which output to print.

    `process`: `SESSION[/PROCESS]`. `follow`: up to its end, and not only what there is. `stream`:
    of this one only; `None`: of both. `lines`: at first so many of the last lines; `None`: all.
    """

    where: Where
    process: str
    follow: bool = False
    stream: Literal["stdout", "stderr"] | None = None
    lines: int | None = None


class AttachRequest(NamedTuple):
    """Which process to follow, and how.

    `process`: `SESSION[/PROCESS]`. `take_over`: also where another client has the session.
    `no_stdin`: never forward it. `escape`: see `EscapeKeys`.
    """

    where: Where
    process: str
    take_over: bool = False
    no_stdin: bool = False
    escape: int | None = None


class KillRequest(NamedTuple):
    """What to end.

    `names`: each a `SESSION[/PROCESS]`, or a session if `is_for_sessions`. `signal`: the name of
    one to send instead. `take_over`: also where another client has the session.
    """

    where: Where
    names: tuple[str, ...]
    signal: str | None = None
    is_for_sessions: bool = False
    take_over: bool = False


def parse_on_disconnect(text: str) -> Literal["kill"] | float:
    """Return what `--on-disconnect` says.

    Raises:
        InvalidDurationError: It is neither `kill` nor a duration.
    """
    return "kill" if text == "kill" else parse_duration(text)


def overlay(
    env_files: Sequence[Mapping[str, str]], arguments: Sequence[str], callers: CallersVariable
) -> dict[str, str]:
    """Return the variables to lay over the environment: files in order, then each `-e` in order.

    Args:
        env_files: The variables of each `--env-file`.
        arguments: Each `-e`, as written.
        callers: Looks up a variable of the caller's, for a `-e` that names a variable only.

    Raises:
        InvalidVariableError: A `-e` cannot be used.
    """
    return merged([*env_files, dict(parse_variable(argument, callers) for argument in arguments)])


def unset_names(arguments: Sequence[str], env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names to take out of the environment.

    Raises:
        InvalidVariableError: One is no name, or is also given a value.
    """
    names = tuple(parse_name(argument) for argument in arguments)
    for name in names:
        if name in env:
            raise InvalidVariableError(f"cannot both set and unset {name}")
    return names


def check_argv(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the remote command.

    Raises:
        InvalidArgumentError: It cannot be sent.
    """
    for number, argument in enumerate(argv):
        if not is_utf8(argument):
            raise InvalidArgumentError(f"cannot send argument {number}: it is not UTF-8")
    if not argv[0]:
        raise InvalidArgumentError("cannot run a program without a name")
    return tuple(argv)
