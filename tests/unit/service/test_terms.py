"""What a client gets of what it asks for when it opens a session."""

import pytest

from telexec_schemas.errors import ErrorReason
from telexec_schemas.identifiers import SessionId
from telexec_schemas.lifecycle import DisconnectGrace, ExtensionWish, Initialize
from telexec_service.config import Sessions
from telexec_service.core.caller import Caller, Capability
from telexec_service.core.capabilities import capabilities_of, require
from telexec_service.core.failure import RpcFailure
from telexec_service.core.terms import check_wish, granted_lease_s, terms_of


@pytest.mark.parametrize(
    ("sessions", "grace_ms", "lease_s"),
    [
        (Sessions(lease_s=30), 10_000, 10),
        (Sessions(lease_s=30), 60_000, 60),
        (Sessions(lease_s=30), 7 * 86_400_000, 86_400),
        (Sessions(lease_s=30, max_lease_s=100), 60_000, 60),
        (Sessions(lease_s=30, max_lease_s=100), 600_000, 100),
        # What everybody has is never too much.
        (Sessions(lease_s=30, max_lease_s=5), 60_000, 30),
        (Sessions(lease_s=30, max_lease_s=0), 60_000, 30),
    ],
)
def test_a_lease_is_granted_up_to_the_hosts_maximum(
    sessions: Sessions, grace_ms: int, lease_s: float
) -> None:
    wish = ExtensionWish(on_disconnect=DisconnectGrace(grace_ms))
    assert granted_lease_s(wish, sessions) == lease_s


def test_who_does_not_say_gets_what_there_was() -> None:
    assert granted_lease_s(ExtensionWish(), Sessions()) is None
    assert granted_lease_s(ExtensionWish(on_disconnect="kill"), Sessions()) == 0


def test_a_plain_peer_has_plain_terms() -> None:
    terms = terms_of(Initialize("codex"), Sessions())
    assert (terms.is_extended, terms.lease_s, terms.name) == (False, None, None)


@pytest.mark.parametrize(
    ("resume", "wish"),
    [
        (None, ExtensionWish(attach="takeOver")),
        (None, ExtensionWish(attach="resume")),
        (SessionId("id"), ExtensionWish(attach="resume", session_name="name")),
        (SessionId("id"), ExtensionWish(session_name="name")),
        (None, ExtensionWish(session_name="name", beside="other")),
        (SessionId("id"), ExtensionWish(beside="other")),
    ],
)
def test_it_must_be_clear_which_session_is_meant(
    resume: SessionId | None, wish: ExtensionWish
) -> None:
    with pytest.raises(RpcFailure) as got:
        check_wish(Initialize("client", resume, wish))
    assert got.value.reason is ErrorReason.PARAMS_INVALID


def test_who_lacks_a_capability_is_refused_and_told_which() -> None:
    someone = Caller(1, "127.0.0.1:1", None, "someone", frozenset())
    with pytest.raises(RpcFailure, match="cannot list everything") as got:
        require(someone, Capability.ADMIN, "list everything")
    assert got.value.reason is ErrorReason.CAPABILITY_MISSING
    assert got.value.subject == "admin"
    require(Caller(1, "127.0.0.1:1", None, "x", capabilities_of(b"x")), Capability.ADMIN, "do it")
