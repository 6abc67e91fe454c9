"""From what a caller wants to what is sent."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from telexec_client.environment.wish import EnvironmentWish, environment_parameters
from telexec_client.errors import (
    EnvironmentRefusedError,
    StartError,
    UnsupportedError,
    WorkingDirectoryError,
)
from telexec_schemas.environment import RuledVariable
from telexec_schemas.file_uri import path_to_uri
from telexec_schemas.identifiers import ProcessId
from telexec_schemas.lifecycle import ExtensionGrant
from telexec_schemas.process import (
    TREE_LIMITS,
    Overflow,
    ProcessLimits,
    StartProcess,
    TerminalSize,
)

OnCancel = Literal["kill", "detach"]
"""What becomes of a process when who runs it is cancelled: it ends, or is left to the session."""


class StartWish(EnvironmentWish, frozen=True, kw_only=True):
    """What a caller wants to have started; see `Client.start`."""

    argv: Sequence[str]
    cwd: str | None = None
    arg0: str | None = None
    tty: bool = False
    size: TerminalSize | None = None
    stdin: bool = False
    merge_stderr: bool = False
    timeout_s: float | None = None
    idle_timeout_s: float | None = None
    kill_grace_s: float | None = None
    overflow: Overflow = "pause"
    limits: ProcessLimits | None = None
    on_cancel: OnCancel = "kill"


class HostFacts(Struct, frozen=True, kw_only=True):
    """What must be known of a host to ask it for a process."""

    cwd_uri: str
    is_embedded: bool
    extensions: ExtensionGrant | None


def start_request(
    wish: StartWish, host: HostFacts, process_id: ProcessId, window_bytes: int
) -> StartProcess:
    """Return the request that asks a host for a process.

    Args:
        wish: What the caller wants.
        host: What the host is and can do.
        process_id: What the process is to be called.
        window_bytes: The first credit, where the host knows credit.

    Raises:
        StartError: No host can start this.
        EnvironmentChoiceError: The wish names both a profile and a policy.
        UnsupportedError: This host lacks something that was asked for.
    """
    _check(wish)
    grant = host.extensions
    environment = environment_parameters(wish, grant, is_embedded=host.is_embedded)
    return StartProcess(
        process_id=process_id,
        argv=list(wish.argv),
        cwd=host.cwd_uri if wish.cwd is None else _cwd_uri(wish.argv[0], wish.cwd),
        env=environment.env,
        tty=wish.tty,
        env_policy=environment.env_policy,
        pipe_stdin=wish.stdin and not wish.tty,
        arg0=wish.arg0,
        env_profile=environment.env_profile,
        env_unset=environment.env_unset,
        size=_size(wish.size, grant),
        timeout_ms=_timeout_ms(wish, grant),
        idle_timeout_ms=_idle_timeout_ms(wish, grant),
        kill_grace_ms=_kill_grace_ms(wish, grant),
        overflow=_overflow(wish, grant),
        merge_stderr=_merge_stderr(wish, grant),
        limits=_limits(wish, grant),
        credit_bytes=window_bytes if grant is not None and grant.flow else UNSET,
    )


def _check(wish: StartWish) -> None:
    if isinstance(wish.argv, str) or not wish.argv:
        raise StartError(str(wish.argv), "argv is a sequence of at least one string")
    program = wish.argv[0]
    if any("\0" in argument for argument in wish.argv):
        raise StartError(program, "an argument holds a NUL")
    _check_variables(program, wish.env or {})
    if isinstance(wish.unset, str):
        raise StartError(program, "unset is a collection of names and not a string")
    if wish.size is not None and not wish.tty:
        raise StartError(program, "a size without a terminal means nothing")
    if (wish.timeout_s or 0) < 0 or (wish.idle_timeout_s or 0) < 0:
        raise StartError(program, "a timeout cannot be negative")


def _check_variables(program: str, env: Mapping[str, str]) -> None:
    refused: list[RuledVariable] = []
    for name, value in sorted(env.items()):
        if not name or "=" in name or "\0" in name:
            refused.append(RuledVariable(name, "it is no name of a variable"))
        elif "\0" in value:
            refused.append(RuledVariable(name, "its value holds a NUL"))
    if refused:
        listed = ", ".join(f"{variable.name!r} ({variable.rule})" for variable in refused)
        raise EnvironmentRefusedError(program, f"no process can have {listed}", refused=refused)


def _cwd_uri(program: str, cwd: str) -> str:
    if "\0" in cwd:
        raise WorkingDirectoryError(program, f"the directory {cwd!r} holds a NUL")
    try:
        return path_to_uri(cwd)
    except ValueError as error:
        raise WorkingDirectoryError(program, f"the directory {cwd!r} is not absolute") from error


def _size(size: TerminalSize | None, grant: ExtensionGrant | None) -> TerminalSize | UnsetType:
    if size is None:
        return UNSET
    if grant is None or not grant.resize:
        raise UnsupportedError("set the size of a terminal")
    return size


def _timeout_ms(wish: StartWish, grant: ExtensionGrant | None) -> int | UnsetType:
    # Without the grant we keep the time ourselves.
    if wish.timeout_s is None or grant is None or not grant.timeouts:
        return UNSET
    return math.ceil(wish.timeout_s * 1000)


def _idle_timeout_ms(wish: StartWish, grant: ExtensionGrant | None) -> int | UnsetType:
    if wish.idle_timeout_s is None:
        return UNSET
    if grant is None or not grant.timeouts:
        raise UnsupportedError("end a process that writes nothing")
    return math.ceil(wish.idle_timeout_s * 1000)


def _overflow(wish: StartWish, grant: ExtensionGrant | None) -> Overflow | UnsetType:
    if wish.overflow == "pause":
        # What every host does.
        return UNSET
    if grant is None or not grant.overflow:
        raise UnsupportedError("drop output of a process that is read too slowly")
    return wish.overflow


def _merge_stderr(wish: StartWish, grant: ExtensionGrant | None) -> bool | UnsetType:
    # Without the grant we put the streams together ourselves, as they come. On a PTY they are one.
    if not wish.merge_stderr or wish.tty or grant is None or not grant.merge_stderr:
        return UNSET
    return True


def _limits(wish: StartWish, grant: ExtensionGrant | None) -> ProcessLimits | UnsetType:
    limits = wish.limits
    if limits is None:
        return UNSET
    asked = {name for name in limits.__struct_fields__ if getattr(limits, name) is not None}
    offered = () if grant is None else grant.tree_limits
    for name in sorted(asked & TREE_LIMITS.keys()):
        if TREE_LIMITS[name] not in offered:
            raise UnsupportedError(f"limit a process with all that it starts ({name})")
    if grant is None or (not grant.process_limits and asked - TREE_LIMITS.keys()):
        raise UnsupportedError("limit what a process may use")
    return limits


def _kill_grace_ms(wish: StartWish, grant: ExtensionGrant | None) -> int | UnsetType:
    if wish.kill_grace_s is None:
        return UNSET
    if grant is None or not grant.timeouts:
        raise UnsupportedError("give a process time between TERM and KILL")
    return math.ceil(wish.kill_grace_s * 1000)
