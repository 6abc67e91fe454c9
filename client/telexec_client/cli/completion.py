"""What the shell offers behind <TAB>: names from files of the caller's, never from a host."""

from typing import TYPE_CHECKING

import click

from telexec_client.cli.errors import CommandError
from telexec_client.cli.hosts_file import read_hosts

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from telexec_client.cli.session_book import SessionBook


def complete_host(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Offer the hosts that have names."""
    from telexec_client.cli.hosts import EMBEDDED  # noqa: PLC0415 - only at <TAB>

    try:
        targets = read_hosts().targets
    except CommandError:
        return []  # There is no place to say it; the command itself will.
    offered = {name: str(target.url) for name, target in targets.items()}
    return _items({**offered, EMBEDDED: "this machine"}, incomplete)


def complete_session(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Offer the sessions that were left from here."""
    return _items({it.name: it.url for it in _book().sessions}, incomplete)


def complete_process(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Offer the sessions that were left from here; behind a slash, their processes."""
    from telexec_client.cli.process_name import short_id  # noqa: PLC0415 - only at <TAB>

    if "/" not in incomplete:
        return complete_session(_context, _parameter, incomplete)
    return _items(
        {
            f"{session.name}/{short_id(process.process_id)}": process.program
            for session in _book().sessions
            for process in session.processes
        },
        incomplete,
    )


def complete_file(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> "list[CompletionItem]":
    """Leave it to the shell to offer files."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only at <TAB>

    return [CompletionItem(incomplete, type="file")]


def _book() -> "SessionBook":
    from telexec_client.cli.session_book import SessionBook  # noqa: PLC0415 - only at <TAB>
    from telexec_client.cli.state_file import StateFileError, state_file  # noqa: PLC0415

    try:
        return state_file().read()
    except StateFileError:
        return SessionBook()


def _items(offered: dict[str, str], incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - only at <TAB>

    return [
        CompletionItem(text, help=about)
        for text, about in offered.items()
        if text.startswith(incomplete)
    ]
