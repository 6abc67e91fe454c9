"""The `telexec-service` command."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import uvloop

from telexec_service import __version__
from telexec_service.app import ServiceOptions, serve
from telexec_service.config import Config, ConfigError, load_config
from telexec_service.logs import LEVELS, open_log
from telexec_service.transport.address import (
    ListenError,
    StdioAddress,
    TcpAddress,
    parse_address,
)
from telexec_service.transport.token_file import TokenFileError, load_or_create_token

EXIT_FAILURE = 1
EXIT_USAGE = 2

_DESCRIPTION = """\
Runs processes for orchestrators, in this host's environment. Prints the address that it listens on
as one line on stdout and logs to stderr. SIGTERM ends it: running processes have a moment to end by
themselves; a second SIGTERM takes that away.
"""

_EXAMPLES = """\
examples:
  telexec-service --listen ws://127.0.0.1:7711 --token-file ~/.telexec-token
  telexec-service --listen unix:/run/telexec.sock --no-auth
  telexec-service --listen stdio
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 after a graceful end, 1 if it cannot serve."""
    options = _parser().parse_args(arguments)
    try:
        service = _service_options(options)
        log = open_log(options.log_level)
        _prepare_process()
        with asyncio.Runner(
            loop_factory=asyncio.new_event_loop if options.no_uvloop else uvloop.new_event_loop
        ) as runner:
            runner.run(_serve(service, log))
    except (ConfigError, ListenError, TokenFileError) as error:
        sys.stderr.write(f"telexec-service: {error}\n")
        return EXIT_FAILURE
    return 0


async def _serve(service: ServiceOptions, log: Any) -> None:
    try:
        await serve(service, log)
    except* ListenError as group:
        # A task group wraps what its body raises; the command wants the error itself.
        raise group.exceptions[0] from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="telexec-service",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"telexec-service {__version__}")
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        default="ws://127.0.0.1:0",
        help="ws://IP:PORT (port 0: a free one), unix:PATH or stdio; default %(default)s",
    )
    auth = parser.add_mutually_exclusive_group()
    auth.add_argument(
        "--token-file",
        metavar="FILE",
        help="the bearer token that clients must present; made, readable by its owner only, if it"
        f" is not there; default {_default_token_file()}",
    )
    auth.add_argument(
        "--no-auth",
        action="store_true",
        help="let everybody in who can connect; on loopback and unix addresses only",
    )
    parser.add_argument("--config", metavar="FILE", help="a TOML file; see docs/service.md")
    parser.add_argument(
        "--plaintext",
        action="store_true",
        help="allow an address that other machines can reach, without encryption",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="default %(default)s")
    parser.add_argument("--no-uvloop", action="store_true", help="run on asyncio's own event loop")
    return parser


def _service_options(options: argparse.Namespace) -> ServiceOptions:
    config = Config() if options.config is None else load_config(options.config)
    address = parse_address(options.listen)
    if isinstance(address, StdioAddress):
        # Whoever holds the pipes is who started this.
        return ServiceOptions(address, None, config)
    if isinstance(address, TcpAddress) and not address.is_loopback:
        if options.no_auth:
            raise ListenError(
                f"cannot listen on {options.listen} without a token: other machines can reach it;"
                " use --token-file"
            )
        if not options.plaintext:
            raise ListenError(
                f"cannot listen on {options.listen} without encryption: other machines can reach"
                " it; listen on loopback behind a TLS proxy, or say --plaintext on a network that"
                " you trust"
            )
    if options.no_auth:
        return ServiceOptions(address, None, config)
    token_file = options.token_file or _default_token_file()
    return ServiceOptions(address, load_or_create_token(os.path.expanduser(token_file)), config)


def _default_token_file() -> str:
    state = os.environ.get("XDG_STATE_HOME") or os.path.join("~", ".local", "state")
    return os.path.join(state, "telexec", "token")


def _prepare_process() -> None:
    """Undo what the starter of the service left behind that its children would suffer of."""
    # An ignored SIGCHLD would make the kernel reap our children before we do (wait(2)).
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # A child's end of a pipe must never land on one of these numbers.
    for standard in (0, 1, 2):
        try:
            os.fstat(standard)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    sys.exit(main())
