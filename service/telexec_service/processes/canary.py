"""A look from inside: whether a child sees what the host keeps from every child."""

import os
import select
import signal
from collections.abc import Collection, Mapping

from telexec_service.core.failure import RpcFailure
from telexec_service.processes.program import find_program
from telexec_service.processes.spawner import Spawner, SpawnRequest

CANARY_TIMEOUT_S = 5.0
"""How long the canary may take to say its environment."""

CANARY_SERIAL = 0
"""What a canary's mark says: it belongs to no session."""

_PROGRAM = "cat"


class CanaryError(Exception):
    """A child would see what it must not, or it cannot be found out; the text says which."""


def check_nothing_hidden_is_visible(
    spawner: Spawner, environment: Mapping[str, str], hidden: Collection[str], profile: str
) -> None:
    """Start a child with an environment and have it say what it sees: its own, and the service's.

    Raises:
        CanaryError: It sees a hidden variable, or the canary could not be run.
    """
    if not hidden:
        return
    seen = _names(_run(spawner, environment, profile))
    leaked = sorted(seen.intersection(hidden))
    if leaked:
        raise CanaryError(
            f"cannot serve: a process under the profile {profile!r} sees the hidden"
            f" {', '.join(leaked)}"
        )


def _run(spawner: Spawner, environment: Mapping[str, str], profile: str) -> bytes:
    own, service = "/proc/self/environ", f"/proc/{os.getpid()}/environ"
    # Not looked up in the child's PATH: a profile may well give it one without the canary in it.
    path = os.pathsep.join(filter(None, (os.environ.get("PATH"), os.defpath)))
    try:
        program = find_program(_PROGRAM, {}, path)
        argv = [program, own, service]
        request = SpawnRequest(argv, None, "/", environment, None, pipe_stdin=False)
        child = spawner.spawn(request, CANARY_SERIAL)
    except RpcFailure as error:
        raise CanaryError(
            f"cannot see what a process under the profile {profile!r} sees: {error}"
        ) from error
    output = b""
    try:
        while True:
            ready, _, _ = select.select([child.stdout], [], [], CANARY_TIMEOUT_S)
            if not ready:
                # What it did not say in time might be what it must not see.
                raise CanaryError(
                    f"cannot see what a process under the profile {profile!r} sees: it took more"
                    f" than {CANARY_TIMEOUT_S:g} s to say"
                )
            data = os.read(child.stdout, 65_536)
            if not data:
                break
            output += data
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        for descriptor in (child.pidfd, child.stdout, child.stderr):
            if descriptor is not None:
                os.close(descriptor)
    if not output and environment:
        raise CanaryError(f"cannot see what a process under the profile {profile!r} sees")
    return output


def _names(block: bytes) -> set[str]:
    entries = block.decode("utf-8", "surrogateescape").split("\0")
    return {entry.partition("=")[0] for entry in entries if entry}
