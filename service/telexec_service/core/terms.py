"""What a connection asked of its session, and what it gets."""

import msgspec
from msgspec import UNSET, UnsetType

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.lifecycle import DisconnectGrace, ExtensionWish, Initialize
from telexec_service.config import Sessions
from telexec_service.core.failure import RpcFailure


class Terms(msgspec.Struct, frozen=True):
    """What was granted to the connection of a session.

    `is_extended`: it knows our extensions. `lease_s`: how long the session outlives it; None: it
    did not say, and what was so before goes on. `name`: what a new session is called.
    `instance` and `generation`: what the client knows of the session that it resumes.
    """

    is_extended: bool
    lease_s: float | None = None
    name: str | None = None
    instance: str | None = None
    generation: int | None = None


def terms_of(params: Initialize, config: Sessions) -> Terms:
    """Return the terms of a connection."""
    wish = params.telexec
    if wish is UNSET:
        return Terms(is_extended=False)
    return Terms(
        is_extended=True,
        lease_s=granted_lease_s(wish, config),
        name=_given(wish.session_name),
        instance=_given(wish.instance),
        generation=None if wish.generation is UNSET else wish.generation,
    )


def granted_lease_s(wish: ExtensionWish, config: Sessions) -> float | None:
    """Return how long a session outlives its connection; None: the client does not say."""
    if wish.on_disconnect is UNSET:
        return None
    if isinstance(wish.on_disconnect, DisconnectGrace):
        return min(wish.on_disconnect.grace_ms / 1000, config.longest_lease_s)
    return 0.0


def check_wish(params: Initialize) -> None:
    """Check that what a client wants of sessions makes sense.

    Raises:
        RpcFailure: It wants to take up a session without saying which, says two, or wants one that
            has its place already beside another one.
    """
    wish = params.telexec
    if wish is UNSET:
        return
    has_id, has_name = params.resume_session_id is not None, wish.session_name is not UNSET
    subject = "attach"
    if has_id and has_name:
        why = "it says both an id and a name: a session that is resumed has its name already"
    elif wish.attach is not UNSET and not has_id and not has_name:
        why = "`attach` needs an id or a name"
    elif wish.beside is not UNSET and (has_id or has_name):
        why, subject = "`beside` is for a new session without a name", "beside"
    else:
        return
    raise RpcFailure(
        ErrorCode.INVALID_PARAMS,
        ErrorReason.PARAMS_INVALID,
        f"cannot tell which session `initialize` wants: {why}",
        subject=subject,
    )


def _given(value: str | UnsetType) -> str | None:
    return None if value is UNSET else value
