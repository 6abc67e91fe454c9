"""A group of commands of which some are imported when they are used."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A click group that also has commands of modules that are not imported yet.

    Args:
        settings: As for `click.Group`.
        commands_elsewhere: Those commands by name, each as `module:attribute`.
    """

    def __init__(self, *, commands_elsewhere: Mapping[str, str], **settings: Any) -> None:
        super().__init__(**settings)
        self._commands_elsewhere = commands_elsewhere

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in order."""
        return sorted({*super().list_commands(ctx), *self._commands_elsewhere})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now if need be; None: there is no such command."""
        place = self._commands_elsewhere.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command
