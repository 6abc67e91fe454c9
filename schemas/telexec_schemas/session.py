"""Sessions as a whole: their end, and those of other clients (extensions)."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from telexec_schemas.identifiers import Count, SessionId
from telexec_schemas.message import Message
from telexec_schemas.process import Survivor


class EndSession(Message, frozen=True):
    """End this session: all that was started in it, also in the background, and its files.

    Between TERM and KILL lie `grace_ms`; 0: KILL at once. The answer comes when nothing is left but
    what cannot be ended.
    """

    grace_ms: Count = 0


class SessionEnded(Message, frozen=True):
    """The session is gone; `survivors` are what could not be ended."""

    survivors: Sequence[Survivor] = ()


class SessionEntry(Message, frozen=True):
    """A session of the host.

    `client` and `address` are of its connection, or of its last one. Times are in milliseconds
    since 1970, UTC; `detached_at_ms`: since when it has no connection. `lease_ms`: how long it
    outlives one.
    """

    session_id: SessionId
    client: str
    address: str
    attached: bool
    created_at_ms: int
    lease_ms: int
    running: int
    finished: int
    name: str | UnsetType = UNSET
    detached_at_ms: int | None = None


class SessionList(Message, frozen=True):
    """Sessions, the newest first. `truncated`: there are more, all older.

    `silent_workers`: the numbers of those of the host's workers that did not say theirs.
    """

    sessions: Sequence[SessionEntry]
    truncated: bool = False
    silent_workers: Sequence[int] = ()


class SessionTakenOver(Message, frozen=True):
    """Another client has the session now; the connection that is told so is closed."""

    client: str
    address: str
