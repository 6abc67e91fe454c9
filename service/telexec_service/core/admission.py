"""Who may open a connection, and what the HTTP side of the port answers."""

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from telexec_service.core.host_names import HostNames, host_name

HEALTH_PATHS = frozenset({"/livez", "/readyz", "/healthz"})
_BEARER = "bearer "
_MAX_SHOWN_NAME = 100


@dataclass(slots=True, frozen=True)
class Refusal:
    """An HTTP answer instead of a connection."""

    status: HTTPStatus
    text: str
    headers: tuple[tuple[str, str], ...] = ()


_ENDING = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "shutting down\n")
_FULL = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")


@dataclass(slots=True, frozen=True)
class TokenChange:
    """What became of the tokens: how many are valid now, are new, and are no longer valid."""

    valid: int
    added: int
    revoked: int


class Gate:
    """Decides about every HTTP request of a listener.

    Args:
        tokens: What a client must present one of; None lets everybody in.
        host_names: The names that the listener answers to.
    """

    def __init__(self, tokens: Collection[str] | None, host_names: HostNames) -> None:
        self._digests = None if tokens is None else frozenset(map(_digest, tokens))
        self._host_names = host_names

    def replace_tokens(self, tokens: Collection[str]) -> TokenChange:
        """Let in who presents one of these tokens from now on, and nobody else."""
        before = self._digests or frozenset()
        self._digests = after = frozenset(map(_digest, tokens))
        return TokenChange(len(after), added=len(after - before), revoked=len(before - after))

    def answer(
        self,
        path: str,
        *,
        hosts: Sequence[str],
        origins: Sequence[str],
        authorizations: Sequence[str],
        is_ready: bool,
        has_room: bool,
    ) -> Refusal | None:
        """Return what to answer instead of opening a connection; None: open it.

        Args:
            path: The request's target; a query is ignored.
            hosts: The values of its `Host` headers.
            origins: The values of its `Origin` headers.
            authorizations: The values of its `Authorization` headers.
            is_ready: Whether the service takes work.
            has_room: Whether the service can take another connection.
        """
        path = path.partition("?")[0]
        stray = self._refuse_stray(hosts, origins)
        if stray is not None:
            return stray
        if path in HEALTH_PATHS:
            return Refusal(HTTPStatus.OK, "ok\n") if is_ready or path != "/readyz" else _ENDING
        if path != "/":
            return Refusal(HTTPStatus.NOT_FOUND, f"cannot find {path}\n")
        if not self.is_valid(self.credential(authorizations)):
            return Refusal(
                HTTPStatus.UNAUTHORIZED,
                "cannot accept the request without the right bearer token\n",
                (("WWW-Authenticate", "Bearer"),),
            )
        if not is_ready:
            return _ENDING
        return None if has_room else _FULL

    def credential(self, authorizations: Sequence[str]) -> bytes | None:
        """Return what stands for the token in `Authorization` headers; None if none is there."""
        if len(authorizations) != 1:
            return None
        header = authorizations[0]
        if not header.lower().startswith(_BEARER):
            return None
        return _digest(header[len(_BEARER) :].strip())

    def is_valid(self, credential: bytes | None) -> bool:
        """Return whether who presented this, now or earlier, may be connected."""
        if self._digests is None:
            return True
        if credential is None:
            return False
        # With all of them, so that the time says nothing of which one it was.
        return sum(hmac.compare_digest(credential, digest) for digest in self._digests) > 0

    def _refuse_stray(self, hosts: Sequence[str], origins: Sequence[str]) -> Refusal | None:
        """Refuse what was led here by a page in a browser."""
        if len(hosts) != 1:
            # RFC 9112, 3.2.
            return Refusal(
                HTTPStatus.BAD_REQUEST, "cannot accept a request without exactly one Host\n"
            )
        if origins:
            # Only browsers send one, and no page has business here.
            return Refusal(HTTPStatus.FORBIDDEN, "cannot accept a request with an Origin\n")
        if self._host_names.accept(hosts[0]):
            return None
        name = ascii(host_name(hosts[0])[:_MAX_SHOWN_NAME])
        return Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"cannot answer to the name {name}: use an IP address,"
            " or have the service started with --allow-host and the name\n",
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
