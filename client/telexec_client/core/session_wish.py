"""What a client wants of its session, and what it says when it comes back to it."""

import math
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from telexec_schemas.lifecycle import DisconnectGrace, ExtensionGrant, ExtensionWish

SessionMode = Literal["new", "resume", "take_over"]
"""Whether a named session is made, taken up if nobody has it, or taken over in any case."""


class SessionWish(Struct, frozen=True, kw_only=True):
    """What is asked for when a session is opened; see `connect`."""

    name: str | None = None
    mode: SessionMode = "new"
    on_disconnect: Literal["kill"] | float | None = None
    beside: str | None = None

    def opening(self) -> ExtensionWish:
        """Return what is said to open the session."""
        attach: Literal["resume", "takeOver"] | UnsetType = UNSET
        if self.mode != "new":
            attach = "resume" if self.mode == "resume" else "takeOver"
        return ExtensionWish(
            on_disconnect=self._on_disconnect,
            session_name=UNSET if self.name is None else self.name,
            attach=attach,
            beside=UNSET if self.beside is None else self.beside,
        )

    def resuming(self, grant: ExtensionGrant | None) -> ExtensionWish:
        """Return what is said to come back to a session that was opened with this grant."""
        if grant is None:
            return ExtensionWish()
        return ExtensionWish(
            on_disconnect=self._on_disconnect,
            instance=grant.instance,
            generation=grant.generation if grant.sessions else UNSET,
        )

    def missing(self, grant: ExtensionGrant | None) -> str | None:
        """Return what was asked for and is not granted, if anything."""
        if self.on_disconnect is not None and (grant is None or not grant.on_disconnect):
            return "say what becomes of a session without its connection"
        if self.name is not None and (grant is None or not grant.sessions):
            return "name a session"
        return None

    @property
    def _on_disconnect(self) -> Literal["kill"] | DisconnectGrace | UnsetType:
        if self.on_disconnect is None:
            return UNSET
        if isinstance(self.on_disconnect, str):
            return self.on_disconnect
        return DisconnectGrace(math.ceil(self.on_disconnect * 1000))
