"""Which command has to go when there are too many."""

from collections.abc import Collection

import msgspec

from telexec_client.unified_exec.core.bounds import SPARED_COMMANDS


class Candidate(msgspec.Struct, frozen=True):
    """A command that might have to go; `is_busy`: a call waits for it right now."""

    session_id: int
    last_used_s: float
    has_ended: bool
    is_busy: bool = False


def choose_to_prune(
    candidates: Collection[Candidate], *, spared: int = SPARED_COMMANDS
) -> int | None:
    """Return the session id of the one to end, or `None` if none may be.

    The `spared` ones that were used last stay, and those that a call waits for. Of the others,
    first go those that have ended by themselves, and of these the one that was used longest ago.
    """
    by_use = sorted(candidates, key=lambda candidate: candidate.last_used_s, reverse=True)
    idle = [candidate for candidate in by_use[spared:] if not candidate.is_busy]
    if not idle:
        return None
    return min(idle, key=lambda it: (not it.has_ended, it.last_used_s)).session_id
