"""Who may open a connection, and what the HTTP side of the port answers."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

HEALTH_PATHS = frozenset({"/livez", "/readyz", "/healthz"})
_BEARER = "bearer "


@dataclass(slots=True, frozen=True)
class Refusal:
    """An HTTP answer instead of a connection."""

    status: HTTPStatus
    text: str
    headers: tuple[tuple[str, str], ...] = ()


_ENDING = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "shutting down\n")
_FULL = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")


class Gate:
    """Decides about every HTTP request of a listener.

    Args:
        token: What a client must present; None lets everybody in.
    """

    def __init__(self, token: str | None) -> None:
        self._digest = None if token is None else hashlib.sha256(token.encode()).digest()

    def answer(
        self,
        path: str,
        *,
        origins: Sequence[str],
        authorizations: Sequence[str],
        is_ready: bool,
        has_room: bool,
    ) -> Refusal | None:
        """Return what to answer instead of opening a connection; None: open it.

        Args:
            path: The request's target; a query is ignored.
            origins: The values of its `Origin` headers.
            authorizations: The values of its `Authorization` headers.
            is_ready: Whether the service takes work.
            has_room: Whether the service can take another connection.
        """
        path = path.partition("?")[0]
        if origins:
            # Only browsers send one, and no page has business here.
            return Refusal(HTTPStatus.FORBIDDEN, "cannot accept a request with an Origin\n")
        if path in HEALTH_PATHS:
            return Refusal(HTTPStatus.OK, "ok\n") if is_ready or path != "/readyz" else _ENDING
        if path != "/":
            return Refusal(HTTPStatus.NOT_FOUND, f"cannot find {path}\n")
        if not self._is_authorized(authorizations):
            return Refusal(
                HTTPStatus.UNAUTHORIZED,
                "cannot accept the request without the right bearer token\n",
                (("WWW-Authenticate", "Bearer"),),
            )
        if not is_ready:
            return _ENDING
        return None if has_room else _FULL

    def _is_authorized(self, authorizations: Sequence[str]) -> bool:
        if self._digest is None:
            return True
        if len(authorizations) != 1:
            return False
        header = authorizations[0]
        if not header.lower().startswith(_BEARER):
            return False
        given = hashlib.sha256(header[len(_BEARER) :].strip().encode("utf-8", "replace")).digest()
        return hmac.compare_digest(given, self._digest)
