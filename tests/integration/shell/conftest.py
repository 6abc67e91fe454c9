"""A terminal, and `telexec shell` in it on a real service."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness.fault_proxy import FaultProxy, fault_proxy
from tests.harness.server import Server, minimal_environment, running_server
from tests.harness.service import LOOPBACK, running_service, service_argv
from tests.harness.terminal import InTerminal, Terminal, terminal
from tests.integration.cli.command import TELEXEC, environment

PROMPT = "there$"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the home directory on the host; bash there has a prompt of its own, and no history."""
    (tmp_path / ".bash_profile").write_text(f"PS1='{PROMPT} '; unset HISTFILE\ncd\n")
    return tmp_path


@pytest.fixture
def host(home: Path) -> Iterator[Server]:
    """Return a service whose processes have that home."""
    with running_service(home, env={"HOME": str(home)}) as server:
        yield server


@pytest.fixture
def mortal_host(home: Path) -> Iterator[Server]:
    """Return another one, which a test may kill."""
    env = minimal_environment(home)
    argv = service_argv(LOOPBACK, "--no-auth")
    with running_server(argv, env=env, directory=home, expect_graceful=False) as server:
        yield server


@pytest_asyncio.fixture
async def proxy(host: Server) -> AsyncIterator[FaultProxy]:
    """Return a network between us and the host."""
    with fault_proxy(host.url) as made:
        yield made


@pytest_asyncio.fixture
async def screen() -> AsyncIterator[Terminal]:
    """Return a terminal of 24 rows of 80 columns, whose settings must be the same at the end."""
    async with terminal() as made:
        before = made.settings
        yield made
        assert made.settings == before


@asynccontextmanager
async def telexec_in(
    screen: Terminal, *arguments: str, home: str | None = None
) -> AsyncGenerator[InTerminal]:
    """Run `telexec` in a terminal; what it remembers of sessions is in `home`."""
    home_here = {} if home is None else {"HOME": home}
    env = environment({"TERM": "xterm-256color", **home_here})
    async with screen.running([TELEXEC, *arguments], env) as command:
        yield command


@asynccontextmanager
async def bash(
    screen: Terminal, url: str, *options: str, home: str | None = None
) -> AsyncGenerator[InTerminal]:
    """Open a login shell on a host, and wait for its prompt."""
    argv = ("shell", "--url", url, *options, "--", "bash", "--login")
    async with telexec_in(screen, *argv, home=home) as command:
        await screen.shows(PROMPT)
        yield command
