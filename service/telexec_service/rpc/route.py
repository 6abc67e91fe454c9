"""A method tied to what serves it."""

from collections.abc import Callable, Coroutine
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from telexec_schemas.method import Method
from telexec_service.sessions.session import Session

Params = TypeVar("Params")
Result = TypeVar("Result")


class Route(msgspec.Struct, Generic[Params, Result], frozen=True):
    """What serves a method: with a result at once, or with one to wait for.

    A request that is answered at once costs no task, so the handlers of frequent ones should be.
    `acts_before_waiting`: what is asked for is done when `serve` returns, also if the result is one
    to wait for; so a request that must not wait must not be served either.
    `at_once`: so many of one connection are worked on at the same time, and none is begun while it
    has too many answers to take; because their answers may be large. None: as many as come.
    `is_frequent`: there may be thousands for one process; its end sums them up in the log.
    """

    method: Method[Params, Result]
    serve: Callable[[Session, Params], Result | Coroutine[Any, Any, "Result | Encoded"]]
    acts_before_waiting: bool = False
    at_once: int | None = None
    is_frequent: bool = False


class Encoded(NamedTuple):
    """A result that is JSON already, in parts: large ones are made where nobody waits for it."""

    parts: tuple[bytes, ...]


Routes = dict[str, Route[Any, Any]]


def collect(*routes: Route[Any, Any]) -> Routes:
    """Return routes by the name of their method."""
    return {route.method.name: route for route in routes}
