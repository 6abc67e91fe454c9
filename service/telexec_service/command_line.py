"""The flags and subcommands of `telexec-service`."""

import argparse
import itertools
import re
from collections.abc import Sequence
from typing import NoReturn

from telexec_schemas.spelling import did_you_mean
from telexec_service import __version__
from telexec_service.config import MAX_WORKERS
from telexec_service.logs import LEVELS
from telexec_service.settings import DEFAULT_CONFIG_FILE, default_token_file

_DESCRIPTION = """\
Runs processes for orchestrators, in this host's environment. Prints the address that it listens on
as one line on stdout and logs to stderr. SIGTERM ends it: running processes have a moment to end by
themselves; a second SIGTERM takes that away. SIGHUP has it read its tokens and certificate again.
"""

_EPILOG = """\
A flag wins over its variable (TELEXEC_LISTEN for --listen, and so on; TELEXEC_ALLOWED_HOSTS, with
commas, for --allow-host), which wins over the file.

examples:
  telexec-service --listen ws://127.0.0.1:7711 --token-file ~/.telexec-token
  telexec-service --listen wss://0.0.0.0:7711 --tls-cert host.pem --tls-key host-key.pem
  telexec-service --listen unix:/run/telexec.sock --no-auth
  telexec-service config init > telexec.toml
  telexec-service config check --config telexec.toml
"""

_COMMANDS = ("config", "ready")

_CONFIG_VERBS = {
    "check": "say whether the configuration can be used",
    "show": "print the configuration that is in force, secrets left out",
    "init": "print a file with every key, its default and what it means",
}


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the flags and the command; a mistake is said on stderr and exits with 2."""
    parser = make_parser()
    parser.arguments = arguments
    return parser.parse_args(arguments)


class CommandLineParser(argparse.ArgumentParser):
    """argparse's, but an unknown flag is said to be unknown.

    argparse takes its value for a command, and complains about that.

    Attributes:
        arguments: What is parsed; only a mistake has a look at them.
    """

    arguments: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit with 2."""
        known = re.findall(r"--[a-z-]+", self.format_help())
        for argument in itertools.takewhile(lambda it: it not in _COMMANDS, self.arguments):
            flag = argument.partition("=")[0]
            if flag.startswith("--") and flag != "--" and flag not in known:
                hint = did_you_mean(flag, known)
                super().error(f"unknown flag {flag}{hint and f': {hint}'}")
        super().error(message)


def make_parser() -> CommandLineParser:
    """Return the parser; every flag is None or False unless it is given."""
    parser = CommandLineParser(
        prog="telexec-service",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"telexec-service {__version__}")
    _add_flags(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    config = commands.add_parser(
        "config", help="look at the configuration", description="Look at the configuration."
    )
    # Not given after the command, a flag may stand before it.
    flags = CommandLineParser(add_help=False)
    _add_flags(flags, default=argparse.SUPPRESS)
    verbs = config.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, text in _CONFIG_VERBS.items():
        verbs.add_parser(
            verb,
            help=text,
            description=f"{text.capitalize()}.",
            parents=[] if verb == "init" else [flags],
        )
    commands.add_parser(
        "ready",
        help="ask the service of this host whether it takes work",
        description="Ask the service that listens where this configuration says whether it takes"
        " work: 0 if it does, else 1 and why not. For health checks.",
        parents=[flags],
    )
    return parser


def _add_flags(parser: argparse.ArgumentParser, default: object = None) -> None:
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        default=default,
        help="ws://IP:PORT (port 0: a free one), wss://IP:PORT, unix:PATH or stdio; default"
        " ws://127.0.0.1:0",
    )
    auth = parser.add_mutually_exclusive_group()
    auth.add_argument(
        "--token-file",
        metavar="FILE",
        default=default,
        help="the bearer tokens that clients must present one of, one a line; made, with one and"
        f" readable by its owner only, if it is not there; default {default_token_file()}",
    )
    auth.add_argument(
        "--no-auth",
        action="store_true",
        default=default,
        help="let everybody in who can connect; on loopback and unix addresses only",
    )
    parser.add_argument(
        "--tls-cert",
        metavar="FILE",
        default=default,
        help="for wss: the certificate and those between it and its authority, in PEM",
    )
    parser.add_argument(
        "--tls-key",
        metavar="FILE",
        default=default,
        help="for wss: the private key, in PEM; default: in the file of --tls-cert",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=default,
        help=f"a TOML file; default {DEFAULT_CONFIG_FILE}, if it is there",
    )
    parser.add_argument(
        "--plaintext",
        action="store_true",
        default=default,
        help="allow an address that other machines can reach, without encryption",
    )
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        dest="allowed_hosts",
        default=default,
        help="a name that clients may call this host by, besides IP addresses and localhost; may be"
        " given often; on addresses that other machines can reach, all names are right unless one"
        " is given",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=_workers,
        default=default,
        help="serve with so many processes, each on a core of its own; default 1",
    )
    parser.add_argument(
        "--debuggable",
        action="store_true",
        default=default,
        help="let debuggers and profilers of the same user look into the service, and with them"
        " every process that it starts",
    )
    parser.add_argument("--log-level", choices=LEVELS, default=default, help="default info")
    parser.add_argument(
        "--metrics-token-file",
        metavar="FILE",
        default=default,
        help="a second bearer token, which opens /metrics and nothing else; not made if not there",
    )
    parser.add_argument(
        "--audit-log",
        metavar="FILE",
        default=default,
        help="append who ran what and how it ended to this file",
    )
    parser.add_argument(
        "--no-uvloop",
        action="store_true",
        default=default,
        help="run on asyncio's own event loop",
    )


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MAX_WORKERS}")
    return int(text)
