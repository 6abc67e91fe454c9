"""Who may open a connection, and what the HTTP side of the port answers."""

import hashlib
import hmac
from collections.abc import Collection, Sequence
from enum import StrEnum
from http import HTTPStatus

import msgspec

from telexec_service.core.host_names import HostNames, host_name

_BEARER = "bearer "
_MAX_SHOWN_NAME = 100
_METHODS = frozenset({"GET", "HEAD"})


class Visit(StrEnum):
    """What became of somebody who connected."""

    OPENED = "opened"
    PAGE = "page"
    UNAUTHORIZED = "unauthorized"
    WRONG_HOST = "wrong_host"
    ORIGIN = "origin"
    NOT_FOUND = "not_found"
    BAD_METHOD = "bad_method"
    FULL = "full"
    DRAINING = "draining"
    MALFORMED = "malformed"
    SILENT = "silent"


class AuthFailure(StrEnum):
    """What was wrong with what somebody presented."""

    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - it is a word, not a token


class Page(StrEnum):
    """What is made anew for each who asks for it. A brief health says no numbers."""

    METRICS = "metrics"
    HEALTH = "health"
    BRIEF_HEALTH = "brief_health"


class Refusal(msgspec.Struct, frozen=True):
    """An HTTP answer instead of a connection."""

    status: HTTPStatus
    text: str
    visit: Visit
    headers: tuple[tuple[str, str], ...] = ()
    auth_failure: AuthFailure | None = None


_ALIVE = Refusal(HTTPStatus.OK, "ok\n", Visit.PAGE)
_ENDING = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "shutting down\n", Visit.DRAINING)


class TokenChange(msgspec.Struct, frozen=True):
    """What became of the tokens: how many are valid now, are new, and are no longer valid."""

    valid: int
    added: int
    revoked: int


class Gate:
    """Decides about every HTTP request of a listener.

    Args:
        tokens: What a client must present one of; None lets everybody in.
        host_names: The names that the listener answers to.
        metrics_tokens: What opens nothing but the numbers; those of clients open them as well.
    """

    def __init__(
        self,
        tokens: Collection[str] | None,
        host_names: HostNames,
        metrics_tokens: Collection[str] = (),
    ) -> None:
        self._digests = None if tokens is None else frozenset(map(_digest, tokens))
        self._metrics_digests = frozenset(map(_digest, metrics_tokens))
        self._host_names = host_names

    def replace_tokens(self, tokens: Collection[str]) -> TokenChange:
        """Let in who presents one of these tokens from now on, and nobody else."""
        before = self._digests or frozenset()
        self._digests = after = frozenset(map(_digest, tokens))
        return TokenChange(len(after), added=len(after - before), revoked=len(before - after))

    def replace_metrics_tokens(self, tokens: Collection[str]) -> None:
        """Show the numbers to who presents one of these tokens from now on, or a client's."""
        self._metrics_digests = frozenset(map(_digest, tokens))

    def answer(
        self,
        path: str,
        *,
        method: str = "GET",
        hosts: Sequence[str],
        origins: Sequence[str],
        authorizations: Sequence[str],
        is_ready: bool,
        no_room: str | None,
    ) -> Page | Refusal | None:
        """Return what to answer instead of opening a connection; None: open it.

        Args:
            path: The request's target; a query is ignored.
            method: The request's method.
            hosts: The values of its `Host` headers.
            origins: The values of its `Origin` headers.
            authorizations: The values of its `Authorization` headers.
            is_ready: Whether the service takes work.
            no_room: Why the service cannot take another connection; None: it can.
        """
        path = path.partition("?")[0]
        stray = self._refuse_stray(method, hosts, origins)
        if stray is not None:
            return stray
        if path != "/":
            return self._page(path, authorizations, is_ready=is_ready)
        if not self.is_valid(self.credential(authorizations)):
            return self._unauthorized(authorizations)
        if not is_ready:
            return _ENDING
        if no_room is None:
            return None
        text = f"cannot take another connection: {no_room}\n"
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, text, Visit.FULL)

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
        return _is_one_of(credential, self._digests)

    def _page(self, path: str, authorizations: Sequence[str], *, is_ready: bool) -> Page | Refusal:
        may_see = self._may_see_numbers(self.credential(authorizations))
        match path:
            case "/livez":
                return _ALIVE
            case "/readyz":
                return _ALIVE if is_ready else _ENDING
            case "/healthz":
                return Page.HEALTH if may_see else Page.BRIEF_HEALTH
            case "/metrics":
                return Page.METRICS if may_see else self._unauthorized(authorizations)
            case _:
                text = f"cannot find {path}\n"
                return Refusal(HTTPStatus.NOT_FOUND, text, Visit.NOT_FOUND)

    def _may_see_numbers(self, credential: bytes | None) -> bool:
        """Whether who presented this may; where no token is asked for anything, everybody."""
        known = self._metrics_digests | (self._digests or frozenset())
        if not known:
            return self._digests is None
        return credential is not None and _is_one_of(credential, known)

    def _unauthorized(self, authorizations: Sequence[str]) -> Refusal:
        why = AuthFailure.WRONG_TOKEN
        if self.credential(authorizations) is None:
            why = AuthFailure.MALFORMED if authorizations else AuthFailure.MISSING
        return Refusal(
            HTTPStatus.UNAUTHORIZED,
            "cannot accept the request without the right bearer token\n",
            Visit.UNAUTHORIZED,
            (("WWW-Authenticate", "Bearer"),),
            why,
        )

    def _refuse_stray(
        self, method: str, hosts: Sequence[str], origins: Sequence[str]
    ) -> Refusal | None:
        """Refuse what no client sends, and what was led here by a page in a browser."""
        if method not in _METHODS:
            return Refusal(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "cannot answer this method: use GET\n",
                Visit.BAD_METHOD,
                (("Allow", "GET, HEAD"),),
            )
        if len(hosts) != 1:
            # RFC 9112, 3.2.
            text = "cannot accept a request without exactly one Host\n"
            return Refusal(HTTPStatus.BAD_REQUEST, text, Visit.MALFORMED)
        if origins:
            # Only browsers send one, and no page has business here.
            text = "cannot accept a request with an Origin\n"
            return Refusal(HTTPStatus.FORBIDDEN, text, Visit.ORIGIN)
        if self._host_names.accept(hosts[0]):
            return None
        name = ascii(host_name(hosts[0])[:_MAX_SHOWN_NAME])
        return Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            f"cannot answer to the name {name}: use an IP address,"
            " or have the service started with --allow-host and the name\n",
            Visit.WRONG_HOST,
        )


def _is_one_of(credential: bytes, digests: Collection[bytes]) -> bool:
    # With all of them, so that the time says nothing of which one it was.
    return sum(hmac.compare_digest(credential, digest) for digest in digests) > 0


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
