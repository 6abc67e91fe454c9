import pytest

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_service.core.failure import RpcFailure
from telexec_service.core.handshake import Handshake


def test_requests_come_after_initialize_and_initialized() -> None:
    handshake = Handshake()
    handshake.begin()
    handshake.succeed()
    assert handshake.accept_initialized()

    handshake.check_request()


@pytest.mark.parametrize("has_session", [False, True])
def test_an_early_request_is_told_what_is_missing(has_session: bool) -> None:
    handshake = Handshake()
    if has_session:
        handshake.begin()
        handshake.succeed()

    with pytest.raises(RpcFailure, match="`initialized`" if has_session else "`initialize`") as got:
        handshake.check_request()

    assert got.value.code is ErrorCode.INVALID_REQUEST
    assert got.value.reason is ErrorReason.NOT_INITIALIZED


def test_a_second_initialize_is_refused_also_while_the_first_is_under_way() -> None:
    handshake = Handshake()
    handshake.begin()

    with pytest.raises(RpcFailure) as got:
        handshake.begin()

    assert got.value.reason is ErrorReason.ALREADY_INITIALIZED


def test_after_a_failed_initialize_another_may_be_tried() -> None:
    handshake = Handshake()
    handshake.begin()
    handshake.give_up()

    handshake.begin()


def test_initialized_before_initialize_is_not_accepted() -> None:
    assert not Handshake().accept_initialized()
