"""File access that a client wants confined."""

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.sandbox import Sandbox
from telexec_service.core.failure import RpcFailure


def refuse_sandbox(sandbox: Sandbox | None) -> None:
    """Let a request pass only if it asks for no confinement.

    Raises:
        RpcFailure: It does. What should be confined is never done unconfined.
    """
    if sandbox is not None:
        raise RpcFailure(
            ErrorCode.INVALID_PARAMS,
            ErrorReason.SANDBOX_UNAVAILABLE,
            "cannot confine file access: this host has no sandbox",
            subject="sandbox",
        )
