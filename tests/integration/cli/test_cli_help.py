"""Every command says what it does on a terminal of 80 columns."""

from collections.abc import Iterator

import click
import pytest

from telexec_client.cli.commands import telexec as command_line
from tests.integration.cli.command import telexec


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, and of every group of them."""
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


@pytest.mark.parametrize("words", list(commands(command_line)), ids=" ".join)
def test_help_fits_80_columns(words: tuple[str, ...]) -> None:
    ended = telexec(*words, "--help", env={"COLUMNS": "80"})
    assert (ended.exit_code, ended.stderr) == (0, b"")
    lines = ended.stdout.decode().splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert lines[0].startswith(" ".join(["Usage: telexec", *words]))
