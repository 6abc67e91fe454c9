"""The order in which a connection may say things: initialize, initialized, then the rest."""

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.core.failure import RpcFailure


class Handshake:
    """How far the handshake of one connection is."""

    def __init__(self) -> None:
        self._is_begun = False
        self._has_session = False
        self._is_done = False

    def begin(self) -> None:
        """Take `initialize`.

        Raises:
            RpcFailure: It came before.
        """
        if self._is_begun:
            raise RpcFailure(
                ErrorCode.INVALID_REQUEST,
                ErrorReason.ALREADY_INITIALIZED,
                "cannot initialize twice: send `initialize` once per connection",
            )
        self._is_begun = True

    def give_up(self) -> None:
        """Note that `initialize` failed: the client may try another."""
        self._is_begun = False

    def succeed(self) -> None:
        """Note that `initialize` gave the connection its session."""
        self._has_session = True

    def accept_initialized(self) -> bool:
        """Take the `initialized` notification; False if it may not come now."""
        if self._has_session:
            self._is_done = True
        return self._has_session

    def check_request(self) -> None:
        """Check that a request other than `initialize` may come now.

        Raises:
            RpcFailure: The handshake is not done; the text says what is missing.
        """
        if self._is_done:
            return
        missing = "initialized" if self._has_session else "initialize"
        raise RpcFailure(
            ErrorCode.INVALID_REQUEST,
            ErrorReason.NOT_INITIALIZED,
            f"cannot take requests yet: send `{missing}` first",
        )
