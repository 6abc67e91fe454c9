"""`telexec completion`: its options and help, and what it prints."""

import click
from click.shell_completion import get_completion_class

COMPLETE_VARIABLE = "_TELEXEC_COMPLETE"
"""By which a shell has telexec say what to offer."""

_EPILOG = """\b
For every new shell, write it where that looks for such scripts:
  bash  ~/.local/share/bash-completion/completions/telexec
  zsh   ~/.zfunc/_telexec, with this in ~/.zshrc:
        fpath+=~/.zfunc; autoload -Uz compinit; compinit
  fish  ~/.config/fish/completions/telexec.fish

\b
In this shell only:
  bash  source <(telexec completion bash)
  fish  telexec completion fish | source

Offered are commands, options, the names of hosts, and the sessions and processes that were left
from here. No host is asked.
"""


@click.command("completion", short_help="Print what completes telexec in a shell.", epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> int:
    """Print a script with which SHELL completes the commands of telexec."""
    kind = get_completion_class(shell)
    assert kind is not None
    program = context.find_root()
    click.echo(kind(program.command, {}, "telexec", COMPLETE_VARIABLE).source())
    return 0
