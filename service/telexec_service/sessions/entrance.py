"""Which session a connection gets."""

from collections.abc import Coroutine
from typing import Any

from msgspec import UNSET

from telexec_schemas.lifecycle import Initialize
from telexec_service.core.attachment import Attachment
from telexec_service.core.caller import Capability
from telexec_service.core.capabilities import require
from telexec_service.core.terms import check_wish
from telexec_service.sessions.session import Session
from telexec_service.sessions.table import SessionTable


def enter(
    sessions: SessionTable, params: Initialize, attachment: Attachment
) -> Session | Coroutine[Any, Any, Session]:
    """Return the session that `initialize` asks for, or one to wait for.

    Raises:
        RpcFailure: There is no such session, it cannot be had, or the client may not have it.
    """
    check_wish(params)
    wish = params.telexec
    attach = UNSET if wish is UNSET else wish.attach
    if attach is UNSET:
        if params.resume_session_id is None:
            return sessions.create(attachment)
        return sessions.resume(params.resume_session_id, attachment)
    require(attachment.caller, Capability.ADMIN, "take up the session of another client")
    session = sessions.find(params.resume_session_id or attachment.terms.name or "")
    if attach == "takeOver":
        return sessions.take_over(session.session_id, attachment)
    return sessions.take_up(session.session_id, attachment)
