"""Where a session is that the caller names: pure."""

from collections.abc import Sequence
from typing import NamedTuple

from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable
from telexec_client.cli.request import Target, Where
from telexec_client.cli.session_book import KnownSession, SessionBook


class HostUnsaidError(CommandError):
    """A session is not known here, and no host is named to ask for it."""

    def __init__(self, session: str) -> None:
        super().__init__(
            f"cannot find session {printable(session)!r}: it was not left from here; "
            "say on which host it is, with --host or --url"
        )


class SessionOnSeveralHostsError(CommandError):
    """Sessions of the name were left on several hosts, and none of them is named."""

    def __init__(self, session: str, urls: Sequence[str]) -> None:
        super().__init__(
            f"cannot tell which session {printable(session)!r} is: there is one at each of "
            f"{', '.join(map(printable, urls))}; say which, with --host or --url"
        )


class SessionPlace(NamedTuple):
    """The host of a session, and what is known of it here, if anything."""

    target: Target
    known: KnownSession | None = None


def place_of(session: str, book: SessionBook, where: Where) -> SessionPlace:
    """Return where a session is, by its name or id.

    Args:
        session: Its name or id.
        book: What is known here.
        where: The host that options, variables or defaults name.

    Raises:
        HostUnsaidError: Nothing says where it is.
        SessionOnSeveralHostsError: It may be at several places.
    """
    asked = where.target
    known = book.named(session)
    there = [it for it in known if it.url == asked.url]
    if there:
        # What was said for this command goes over what is known: a token may be another one now.
        return SessionPlace(asked if where.is_named else there[-1].target, there[-1])
    if where.is_named or (not known and asked.url is not None):
        return SessionPlace(asked)
    urls = sorted({it.url for it in known})
    if not urls:
        raise HostUnsaidError(session)
    if len(urls) > 1:
        raise SessionOnSeveralHostsError(session, urls)
    return SessionPlace(known[-1].target, known[-1])
