"""What a client may do besides using its own session: the one place that decides it."""

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.core.caller import Caller, Capability
from telexec_service.core.failure import RpcFailure


def capabilities_of(credential: bytes | None) -> frozenset[Capability]:
    """Return what who was let in with this may do: all of it, as all tokens are alike."""
    del credential
    return frozenset(Capability)


def require(caller: Caller, capability: Capability, what: str) -> None:
    """Check that a client may do something.

    Args:
        caller: Who wants to.
        capability: What it takes.
        what: What it wants to, for the text of the error.

    Raises:
        RpcFailure: It may not.
    """
    if capability not in caller.capabilities:
        raise RpcFailure(
            ErrorCode.INVALID_REQUEST,
            ErrorReason.CAPABILITY_MISSING,
            f"cannot {what}: that takes the capability {capability!r}",
            subject=capability,
        )
