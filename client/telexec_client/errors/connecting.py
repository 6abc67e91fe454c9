"""Errors of reaching a host and of staying connected to it."""

from collections.abc import Sequence

from telexec_client.completed import PartialProcess
from telexec_client.errors.base import TelexecError


class InvalidUrlError(TelexecError):
    """A string is not the address of a host."""

    def __init__(self, why: str) -> None:
        super().__init__(f"cannot use the URL: {why}")


class HostUnreachableError(TelexecError):
    """Nothing answers at the address."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"cannot reach {address}: {why}")
        self.address = address


class AuthenticationError(TelexecError):
    """The host does not accept the token, or there is no usable token to show."""


class CertificateError(TelexecError):
    """The host's certificate is not believed, or the authorities to believe cannot be read."""


class HandshakeError(TelexecError):
    """Something answers at the address, but it does not take us as a client."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"cannot open a session at {address}: {why}")
        self.address = address


class SessionNameTakenError(HandshakeError):
    """The host has a session of that name already."""


class SessionNotFoundError(HandshakeError):
    """The host has no such session: it was never there, has ended, or its lease is over."""


class SessionInUseError(HandshakeError):
    """Another client is connected to the session; it can only be taken over."""


class SessionElsewhereError(TelexecError):
    """The session is at another worker of the host than ours, if the host has it.

    Attributes:
        session: Its id or name.
    """

    def __init__(self, session: str) -> None:
        super().__init__(
            f"cannot look into session {session!r} from here: another worker of the host has it, if"
            " there is one; connect(beside=…) opens a session that can"
        )
        self.session = session


class EmbeddedHostUnavailableError(TelexecError):
    """The service is not installed here, so there is no embedded host."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(
            "cannot run on the embedded host without the service"
            f" (missing: {', '.join(missing)}); pip install 'telexec[service]'"
        )
        self.missing = tuple(missing)


class ClientClosedError(TelexecError):
    """The client was closed before or during the call."""

    def __init__(self) -> None:
        super().__init__("cannot go on: the client is closed")


class ClientForkedError(TelexecError):
    """The client is one of the process that this one was forked from, and of no use here."""

    def __init__(self) -> None:
        super().__init__(
            "cannot use a client that was made before a fork: connect anew in the child process"
        )


class ConnectionLostError(TelexecError):
    """The connection broke, and it is not known whether the host did what was asked.

    Attributes:
        completed: What is known of the process that was waited for, if one was.
    """

    completed: PartialProcess | None = None


class SessionLostError(TelexecError):
    """The connection broke for good: the host has ended, or will end, what ran in the session.

    Attributes:
        completed: What is known of the process that was waited for, if one was.
    """

    completed: PartialProcess | None = None

    def __init__(self, why: str) -> None:
        super().__init__(f"cannot go on with the session: {why}")


class AccessRevokedError(SessionLostError, AuthenticationError):
    """The host no longer accepts the token that the session was opened with."""


class SessionTakenOverError(SessionLostError):
    """Another client has the session now; what runs in it goes on."""


class HostRestartedError(SessionLostError):
    """The host is another one than before, which knows nothing of the session."""
