"""Fixtures that every test may use."""

import asyncio
import inspect
import signal
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from tests.harness import codex as codex_cli
from tests.harness import leaks
from tests.harness.required import skip_unless_required
from tests.harness.server import Server
from tests.harness.service import running_service


def pytest_configure(config: pytest.Config) -> None:
    """Say which markers there are besides those of the project file."""
    config.addinivalue_line("markers", "both_loops: runs on asyncio's event loop and on uvloop's")
    leaks.adopt_orphans()
    # Whoever started the tests may ignore these (nohup, a job in the background), and what is
    # ignored is inherited: programs under test would ignore them too.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The first loop opens a pipe for signals that libuv keeps for good.
    uvloop.new_event_loop().close()


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run a test on asyncio's loop; one marked `both_loops` also on uvloop's."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "asyncio": asyncio.SelectorEventLoop
    }
    if item.get_closest_marker("both_loops") is not None:
        factories["uvloop"] = uvloop.new_event_loop
    return factories


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Look for leaked tasks after every test that has an event loop, and group the tests.

    Of tests that run at the same time (pytest-xdist), those of one file are in one group, as they
    share what they have made, and those with the one Docker engine are, too.
    """
    for item in items:
        has_engine = any(map(item.get_closest_marker, ("compose", "systemd")))
        item.add_marker(pytest.mark.xdist_group("engine" if has_engine else item.path.name))
        if isinstance(item, pytest.Function):
            function: object = item.obj
            if inspect.iscoroutinefunction(function):
                # Among the first of a test's own, so that it looks after the others are gone;
                # behind what tests share, which is not of one test.
                place = item.fixturenames.index("nothing_is_left") + 1
                item.fixturenames.insert(place, "no_task_is_left")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the servers of a failed test logged."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, value in item.funcargs.items():
            if isinstance(value, Server):
                report.sections.append((f"stderr of {name}", value.log()))
    return report


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Fail a test that leaves a process or an open descriptor behind."""
    with leaks.no_process_or_descriptor_left():
        yield


@pytest_asyncio.fixture
async def no_task_is_left(nothing_is_left: None) -> AsyncIterator[None]:
    """Fail a test that leaves a task behind."""
    async with leaks.no_task_left():
        yield


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service without a token that the tests of a module share."""
    with running_service(tmp_path_factory.mktemp("service")) as server:
        yield server


@pytest.fixture(scope="module")
def tokened_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a service that wants a token; the tests of a module share it."""
    with running_service(tmp_path_factory.mktemp("tokened-service"), guarded=True) as server:
        yield server


@pytest.fixture(scope="session")
def codex() -> Path:
    """Return the real Codex CLI; skip a test without it, except in CI, where it must be."""
    try:
        return codex_cli.find_codex()
    except codex_cli.CodexMissingError as error:
        skip_unless_required(str(error))


@pytest.fixture
def exec_server(codex: Path, tmp_path: Path) -> Iterator[Server]:
    """Return Codex's own exec-server: the reference that ours is held against."""
    with codex_cli.running_exec_server(codex, tmp_path) as server:
        yield server
