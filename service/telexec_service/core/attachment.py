"""What ties a session to the connection that has it."""

from collections.abc import Callable

import msgspec

from telexec_service.core.caller import Caller
from telexec_service.core.peer import Peer
from telexec_service.core.terms import Terms


class Attachment(msgspec.Struct, frozen=True):
    """One connection as a session sees it.

    `on_taken_over` is called when another client, which it is given, has the session from now on.
    """

    peer: Peer
    caller: Caller
    terms: Terms
    on_taken_over: Callable[[Caller], None]
