"""What is in the client without an event loop is what is in the client."""

import inspect
import typing
from collections.abc import Callable

import pytest

import telexec_client
from telexec_client import sync
from telexec_client.process import RunOptions

CLASSES = ["Client", "Files", "FollowedProcess", "OpenFile", "OutputStream", "Process"]
# `async with` and `async for` are `with` and `for`; who made an object is nobody's business.
SPECIAL = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__"}


def public_names(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    # What is annotated with a name of its own module or by it is the same by its text.
    return [
        parameter.replace(annotation=inspect.formatannotation(parameter.annotation))
        for parameter in inspect.signature(function).parameters.values()
    ]


def test_every_class_of_the_client_that_waits_is_there() -> None:
    waiting = {
        name
        for name in telexec_client.__all__
        if inspect.isclass(kind := getattr(telexec_client, name))
        and any(map(inspect.iscoroutinefunction, vars(kind).values()))
    }
    assert waiting <= set(CLASSES)
    assert set(sync.__all__) == {*CLASSES, "connect", "connect_command"}


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_name_of_a_class_is_there_with_the_same_arguments(name: str) -> None:
    original, facade = getattr(telexec_client, name), getattr(sync, name)
    assert public_names(facade) >= public_names(original)
    for special, counterpart in SPECIAL.items():
        assert not hasattr(original, special) or hasattr(facade, counterpart)
    for member in public_names(original):
        method = inspect.getattr_static(original, member)
        if inspect.isfunction(method):
            assert parameters(getattr(facade, member)) == parameters(method), member
            assert not inspect.iscoroutinefunction(getattr(facade, member))
            assert getattr(facade, member).__doc__


@pytest.mark.parametrize("name", ["connect", "connect_command"])
def test_it_is_opened_with_the_same_arguments(name: str) -> None:
    original, facade = getattr(telexec_client, name), getattr(sync, name)
    assert parameters(facade) == parameters(original)
    assert inspect.signature(facade).return_annotation is sync.Client


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        (sync.Client.start, sync.Process),
        (sync.Client.watch, sync.FollowedProcess),
        (sync.Files.open, sync.OpenFile),
    ],
)
def test_help_says_what_is_returned(method: Callable[..., object], kind: type) -> None:
    assert inspect.signature(method).return_annotation is kind


def test_the_options_that_type_checkers_know_are_those_of_run() -> None:
    arguments = inspect.signature(telexec_client.Client.run).parameters
    ours = {"self", "argv", "text", "encoding", "errors"}
    declared = typing.get_type_hints(RunOptions)
    assert set(declared) == set(arguments) - ours
    for name, kind in declared.items():
        assert arguments[name].annotation == kind, name
        assert arguments[name].kind is inspect.Parameter.KEYWORD_ONLY
