"""Making calls that wait out of calls on an event loop."""

import functools
import inspect
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from telexec_client.core.opening import Opening
from telexec_client.sync.iteration import BlockingIterator
from telexec_client.sync.loop_thread import LoopThread

Asynchronous = TypeVar("Asynchronous")
P = ParamSpec("P")
Result = TypeVar("Result")
Opened = TypeVar("Opened", bound="Facade")

_IN_OTHER_WORDS = [
    (re.compile(r"\ban `async (?=with|for)"), "a `"),
    (re.compile(r"(with) `await`", re.IGNORECASE), r"\1out"),
    (re.compile(r"\bawait |\basync (?=with|for)"), ""),
]
"""What to say where nothing is awaited: the examples are the same otherwise."""


class Facade:
    """Stands before an object of the client that has its name, and that lives on an event loop.

    Its methods are made from those of that object's class, so that no argument can be forgotten.
    """

    def __init__(self, thread: LoopThread, asynchronous: object) -> None:
        self._thread = thread
        self._asynchronous = asynchronous

    def __repr__(self) -> str:
        return repr(self._asynchronous)

    @staticmethod
    def _waiting(
        method: Callable[Concatenate[Asynchronous, P], Coroutine[Any, Any, Result]],
    ) -> Callable[Concatenate["Facade", P], Result]:
        """Return a method that waits for the result of the original."""

        def call(self: "Facade", /, *args: P.args, **kwargs: P.kwargs) -> Result:
            # A facade stands before an object of the class that its methods are made from.
            asynchronous = cast("Asynchronous", self._asynchronous)
            return self._thread.run(lambda: method(asynchronous, *args, **kwargs))

        return presented(call, method)

    @staticmethod
    def _at_once(
        method: Callable[Concatenate[Asynchronous, P], Result],
    ) -> Callable[Concatenate["Facade", P], Result]:
        """Return a method that does the same on the loop."""

        def call(self: "Facade", /, *args: P.args, **kwargs: P.kwargs) -> Result:
            asynchronous = cast("Asynchronous", self._asynchronous)
            return self._thread.call(lambda: method(asynchronous, *args, **kwargs))

        return presented(call, method)

    @staticmethod
    def _iterating(
        method: Callable[Concatenate[Asynchronous, P], AsyncIterator[Result]],
    ) -> Callable[Concatenate["Facade", P], Iterator[Result]]:
        """Return a method that gives an iterator that waits."""

        def call(self: "Facade", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[Result]:
            asynchronous = cast("Asynchronous", self._asynchronous)
            return BlockingIterator(self._thread, lambda: method(asynchronous, *args, **kwargs))

        return presented(call, method, Iterator)

    @staticmethod
    def _opening(
        method: Callable[Concatenate[Asynchronous, P], Opening[Any]], facade: type[Opened]
    ) -> Callable[Concatenate["Facade", P], Opened]:
        """Return a method that opens at once, and gives what it opened."""

        def call(self: "Facade", /, *args: P.args, **kwargs: P.kwargs) -> Opened:
            asynchronous = cast("Asynchronous", self._asynchronous)
            opened = self._thread.open(method(asynchronous, *args, **kwargs))
            return facade(self._thread, opened)

        return presented(call, method, facade)


class HeldFacade(Facade):
    """One that is held by a `with`; in a forked process, leaving that does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._thread.is_forked:
            self._leave()

    def _leave(self) -> None:
        raise NotImplementedError


def presented(
    function: Callable[P, Result],
    original: Callable[..., object],
    returned: type | None = None,
) -> Callable[P, Result]:
    """Return a function that calls another one, with that one's name, arguments and docstring.

    Args:
        function: It waits for what the original gives.
        original: What its docstring awaits, or goes through with `async`, needs neither here.
        returned: What it returns, where that is another type than the original's.
    """
    functools.update_wrapper(function, original)
    for words, others in _IN_OTHER_WORDS:
        function.__doc__ = words.sub(others, function.__doc__ or "")
    if returned is not None:
        signature = inspect.signature(original).replace(return_annotation=returned)
        function.__signature__ = signature  # type: ignore[attr-defined]
    return function
