"""The examples in docstrings give what they say: as in `python -m asyncio`, on an embedded host."""

import ast
import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import re
import sys
import types
from typing import Any

import pytest

import telexec_client
from telexec_client import errors, sync
from tests.harness.deadline import within

FLAGS = doctest.ELLIPSIS
# What an example may use without saying where it is from; besides, there is a `client`.
NAMES = {name: getattr(telexec_client, name) for name in telexec_client.__all__} | {
    "errors": errors
}


def documented() -> list[doctest.DocTest]:
    """Return every docstring of the client that has examples."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [telexec_client, *map(importlib.import_module, module_names())]
    found = [test for module in modules for test in finder.find(module)]
    return [test for test in found if test.examples]


def module_names() -> list[str]:
    walk = pkgutil.walk_packages(telexec_client.__path__, "telexec_client.")
    # Running it is what importing this one does.
    return [module.name for module in walk if not module.name.endswith("__main__")]


def documented_without_a_loop() -> list[doctest.DocTest]:
    """Return the same of the methods that wait, whose docstrings are made from those."""
    parser = doctest.DocTestParser()
    found: list[doctest.DocTest] = []
    for kind in map(sync.__dict__.__getitem__, sync.__all__):
        members = vars(kind).values() if inspect.isclass(kind) else [kind]
        for member in filter(inspect.isfunction, members):
            name = f"sync.{member.__qualname__}"
            found.append(parser.get_doctest(member.__doc__ or "", {}, name, None, None))
    return [test for test in found if test.examples]


async def outcome_of(example: doctest.Example, names: dict[str, Any]) -> str:
    """Return what a person would see of it."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(example.source, "<example>", "single", flags, dont_inherit=True)
    seen = io.StringIO()
    hook, sys.displayhook = sys.displayhook, sys.__displayhook__
    try:
        with contextlib.redirect_stdout(seen):
            result = types.FunctionType(code, names)()
            if inspect.iscoroutine(result):
                await result
    except errors.TelexecError as error:
        return f"{type(error).__name__}: {error}\n"
    finally:
        sys.displayhook = hook
    return seen.getvalue()


async def check(test: doctest.DocTest, names: dict[str, Any]) -> None:
    for example in test.examples:
        wanted = example.exc_msg or example.want
        got = await within(outcome_of(example, names), what=example.source)
        assert doctest.OutputChecker().check_output(wanted, got, FLAGS), (
            f"{example.source}\nshould give\n{wanted}\nand gives\n{got}"
        )


@pytest.mark.parametrize("test", documented(), ids=lambda test: test.name)
async def test_an_example_gives_what_it_says(test: doctest.DocTest) -> None:
    async with telexec_client.connect() as client:
        await check(test, NAMES | {"client": client})


@pytest.mark.parametrize("test", documented_without_a_loop(), ids=lambda test: test.name)
async def test_an_example_gives_the_same_without_a_loop(test: doctest.DocTest) -> None:
    assert not re.search("await|async ", test.docstring)
    with sync.connect() as client:
        await check(test, NAMES | {"client": client, "connect": sync.connect})


def test_what_is_used_most_has_examples() -> None:
    shown = {test.name.removeprefix("telexec_client.") for test in documented()}
    assert {"client.Client.run", "client.Client.start", "client.connect", "sync"} <= shown
    assert len(documented_without_a_loop()) > 5
