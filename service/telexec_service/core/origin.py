"""What is remembered of how a process came to be."""

from collections.abc import Sequence

import msgspec

from telexec_schemas.environment import EnvironmentSummary
from telexec_schemas.process import ProcessLabels, StartProcess
from telexec_service.core.start_digest import digest_of

SHOWN_ARGV_BYTES = 2048
"""How much of a command line is kept to be shown."""


class Origin(msgspec.Struct, frozen=True):
    """How a process was started.

    `digest` stands for the parameters of the start. `argv` is as much of the command line as is
    shown, and `is_argv_cut` says that there was more. `started_at_s` is in seconds since 1970, UTC.
    """

    digest: bytes
    argv: Sequence[str]
    is_argv_cut: bool
    labels: ProcessLabels | None
    environment: EnvironmentSummary
    started_at_s: float


def origin_of(params: StartProcess, environment: EnvironmentSummary, now_s: float) -> Origin:
    """Return what is to be remembered of a start; `now_s` is in seconds since 1970, UTC."""
    argv, is_cut = _shown(params.argv)
    return Origin(digest_of(params), argv, is_cut, params.metadata, environment, now_s)


def _shown(argv: Sequence[str]) -> tuple[Sequence[str], bool]:
    shown: list[str] = []
    room = SHOWN_ARGV_BYTES
    for argument in argv:
        encoded = argument.encode()
        if len(encoded) > room:
            shown.append(encoded[:room].decode(errors="ignore") + "…")
            return shown, True
        shown.append(argument)
        # Each takes something, however short: as many empty ones are cut as well.
        room -= len(encoded) + 1
        if room < 0:
            return shown, len(shown) < len(argv)
    return shown, False
