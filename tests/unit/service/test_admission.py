from http import HTTPStatus

import pytest

from telexec_service.core.admission import Gate, Page, Refusal, TokenChange
from telexec_service.core.host_names import HostNames

LOOPBACK = HostNames([], is_loopback=True)


def ask(
    door: Gate,
    path: str = "/",
    *,
    hosts: tuple[str, ...] = ("127.0.0.1:7333",),
    origins: tuple[str, ...] = (),
    authorizations: tuple[str, ...] = (),
    is_ready: bool = True,
    no_room: str | None = None,
) -> HTTPStatus | None:
    answer = door.answer(
        path,
        hosts=hosts,
        origins=origins,
        authorizations=authorizations,
        is_ready=is_ready,
        no_room=no_room,
    )
    if isinstance(answer, Page):
        return HTTPStatus.OK
    assert answer is None or isinstance(answer, Refusal)
    return None if answer is None else answer.status


def gate(*tokens: str) -> Gate:
    return Gate(tokens or None, LOOPBACK)


def test_the_right_bearer_token_opens_the_door() -> None:
    assert ask(gate("s3cret"), authorizations=("Bearer s3cret",)) is None
    assert ask(gate("s3cret"), authorizations=("bearer  s3cret ",)) is None


@pytest.mark.parametrize(
    "authorizations",
    [
        (),
        ("",),
        ("Bearer",),
        ("Bearer wrong",),
        ("Bearer s3cret2",),
        ("Basic s3cret",),
        ("s3cret",),
        ("Bearer s3cret", "Bearer s3cret"),
        ("Bearer s3cr\udce9t",),
    ],
)
def test_anything_else_is_unauthorized(authorizations: tuple[str, ...]) -> None:
    assert ask(gate("s3cret"), authorizations=authorizations) is HTTPStatus.UNAUTHORIZED


def test_without_a_token_everybody_may_come() -> None:
    assert ask(gate()) is None


@pytest.mark.parametrize("path", ["/", "/readyz", "/elsewhere"])
def test_a_page_in_a_browser_gets_nothing_even_with_the_token(path: str) -> None:
    got = ask(gate("t"), path, origins=("https://x.example",), authorizations=("Bearer t",))

    assert got is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/readyz?verbose"])
def test_health_needs_no_token(path: str) -> None:
    assert ask(gate("t"), path) is HTTPStatus.OK


def test_a_draining_service_lives_but_is_not_ready_and_lets_nobody_in() -> None:
    assert ask(gate(), "/livez", is_ready=False) is HTTPStatus.OK
    assert ask(gate(), "/readyz", is_ready=False) is HTTPStatus.SERVICE_UNAVAILABLE
    assert ask(gate(), "/", is_ready=False) is HTTPStatus.SERVICE_UNAVAILABLE


def test_who_has_no_token_does_not_learn_whether_there_is_room() -> None:
    assert ask(gate("t"), no_room="it is full") is HTTPStatus.UNAUTHORIZED
    assert (
        ask(gate("t"), no_room="it is full", authorizations=("Bearer t",))
        is HTTPStatus.SERVICE_UNAVAILABLE
    )


def test_another_path_is_not_there() -> None:
    assert ask(gate(), "/other") is HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("path", ["/", "/readyz", "/elsewhere"])
def test_who_calls_the_host_by_a_name_that_is_not_its_own_gets_nothing(path: str) -> None:
    got = ask(gate("t"), path, hosts=("rebound.example:7333",), authorizations=("Bearer t",))

    assert got is HTTPStatus.MISDIRECTED_REQUEST


def test_a_misdirected_request_is_told_what_to_do_in_printable_characters() -> None:
    answer = gate().answer(
        "/",
        hosts=("\x1b[31m" + "x" * 1000,),
        origins=(),
        authorizations=(),
        is_ready=True,
        no_room=None,
    )

    assert answer is not None
    assert "--allow-host" in answer.text
    assert answer.text.rstrip("\n").isprintable()
    assert len(answer.text) < 300


@pytest.mark.parametrize("hosts", [(), ("127.0.0.1", "127.0.0.1")])
def test_a_request_says_once_whom_it_is_for(hosts: tuple[str, ...]) -> None:
    assert ask(gate(), hosts=hosts) is HTTPStatus.BAD_REQUEST


def test_each_of_several_tokens_opens_the_door() -> None:
    door = gate("one", "two")

    assert ask(door, authorizations=("Bearer one",)) is None
    assert ask(door, authorizations=("Bearer two",)) is None
    assert ask(door, authorizations=("Bearer three",)) is HTTPStatus.UNAUTHORIZED


def test_replaced_tokens_are_valid_from_then_on_and_no_others() -> None:
    door = gate("old", "kept")
    old, kept = (door.credential((f"Bearer {token}",)) for token in ("old", "kept"))

    assert door.replace_tokens(["kept", "new", "newer"]) == TokenChange(3, added=2, revoked=1)

    assert (door.is_valid(old), door.is_valid(kept)) == (False, True)
    assert ask(door, authorizations=("Bearer old",)) is HTTPStatus.UNAUTHORIZED
    assert ask(door, authorizations=("Bearer new",)) is None


def test_what_is_remembered_of_a_token_is_not_the_token() -> None:
    credential = gate("s3cret").credential(("Bearer s3cret",))

    assert credential is not None
    assert b"s3cret" not in credential
