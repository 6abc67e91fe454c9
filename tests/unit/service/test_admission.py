from http import HTTPStatus

import pytest

from telexec_service.core.admission import Gate, Refusal


def ask(
    gate: Gate,
    path: str = "/",
    *,
    origins: tuple[str, ...] = (),
    authorizations: tuple[str, ...] = (),
    is_ready: bool = True,
    has_room: bool = True,
) -> HTTPStatus | None:
    answer = gate.answer(
        path,
        origins=origins,
        authorizations=authorizations,
        is_ready=is_ready,
        has_room=has_room,
    )
    assert answer is None or isinstance(answer, Refusal)
    return None if answer is None else answer.status


def test_the_right_bearer_token_opens_the_door() -> None:
    assert ask(Gate("s3cret"), authorizations=("Bearer s3cret",)) is None
    assert ask(Gate("s3cret"), authorizations=("bearer  s3cret ",)) is None


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
    assert ask(Gate("s3cret"), authorizations=authorizations) is HTTPStatus.UNAUTHORIZED


def test_without_a_token_everybody_may_come() -> None:
    assert ask(Gate(None)) is None


@pytest.mark.parametrize("path", ["/", "/readyz", "/elsewhere"])
def test_a_page_in_a_browser_gets_nothing_even_with_the_token(path: str) -> None:
    got = ask(Gate("t"), path, origins=("https://x.example",), authorizations=("Bearer t",))

    assert got is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/readyz?verbose"])
def test_health_needs_no_token(path: str) -> None:
    assert ask(Gate("t"), path) is HTTPStatus.OK


def test_a_draining_service_lives_but_is_not_ready_and_lets_nobody_in() -> None:
    assert ask(Gate(None), "/livez", is_ready=False) is HTTPStatus.OK
    assert ask(Gate(None), "/readyz", is_ready=False) is HTTPStatus.SERVICE_UNAVAILABLE
    assert ask(Gate(None), "/", is_ready=False) is HTTPStatus.SERVICE_UNAVAILABLE


def test_who_has_no_token_does_not_learn_whether_there_is_room() -> None:
    assert ask(Gate("t"), has_room=False) is HTTPStatus.UNAUTHORIZED
    assert (
        ask(Gate("t"), has_room=False, authorizations=("Bearer t",))
        is HTTPStatus.SERVICE_UNAVAILABLE
    )


def test_another_path_is_not_there() -> None:
    assert ask(Gate(None), "/other") is HTTPStatus.NOT_FOUND
