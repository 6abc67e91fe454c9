"""The real `telexec-service` as a process of its own."""

import secrets
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.harness.server import Server, minimal_environment, running_server

LOOPBACK = "ws://127.0.0.1:0"


def service_argv(listen: str, *options: str) -> list[str]:
    """Return the command of a service."""
    return [sys.executable, "-m", "telexec_service", "--listen", listen, *options]


@contextmanager
def running_service(
    directory: Path,
    *,
    listen: str = LOOPBACK,
    guarded: bool | None = False,
    debuggable: bool = True,
    config: str | None = None,
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    open_files: int | None = None,
    soft_open_files: int | None = None,
    stderr: int | None = None,
) -> Generator[Server]:
    """Run a service until the block ends; it must end gracefully.

    Args:
        guarded: Whether it wants a token; the server has it as `token`. `None`: `options` say.
        debuggable: Whether tests that are not run by root may look at its descriptors.
        config: The text of its configuration file.
        env: What its environment has on top of `PATH`, `HOME` and `LANG`.
        options: Further command line options.
        open_files: A limit on its descriptors.
        soft_open_files: A lower one, which it may raise to that.
        stderr: Where it logs, instead of a file.
    """
    argv = service_argv(listen)
    token = None
    if guarded:
        token = secrets.token_urlsafe(32)
        token_file = directory / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(token + "\n")
        argv += ["--token-file", str(token_file)]
    elif guarded is False:
        argv += ["--no-auth"]
    if debuggable:
        argv += ["--debuggable"]
    if config is not None:
        config_file = directory / "config.toml"
        config_file.write_text(config)
        argv += ["--config", str(config_file)]
    environment = minimal_environment(directory) | dict(env or {})
    with running_server(
        [*argv, *options],
        env=environment,
        directory=directory,
        token=token,
        open_files=open_files,
        soft_open_files=soft_open_files,
        stderr=stderr,
    ) as server:
        yield server
