"""`telexec doctor`: its options and help. What it does is elsewhere."""

import click

from telexec_client.cli.errors import CommandError
from telexec_client.cli.options import chosen_host, host_parameters
from telexec_client.cli.request import Target

_EPILOG = """\b
Examples:
  telexec doctor
  telexec doctor --host build1
  telexec doctor --host build1 --json | jq '.sections[].findings[]
      | select(.mark != "ok")'

\b
Exit code: 0, 1 if something keeps telexec from working, 125 if telexec itself
failed.
"""


@click.command("doctor", short_help="Find out why something does not work.", epilog=_EPILOG)
@host_parameters
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(
    *,
    url: str | None,
    host: str | None,
    token_file: str | None,
    ca_file: str | None,
    as_json: bool,
) -> int:
    """Examine this machine and, if one is named or the default, a host.

    Each line says ok, warn or fail, what was looked at and what was found; for what is not ok, the
    line below says what to do. On the host `true` is run once, and nothing is left there.
    """
    chosen: Target | CommandError
    try:
        chosen = chosen_host(url, host, token_file, ca_file)
    except CommandError as error:
        chosen = error
    from telexec_client.cli.doctor import examine  # noqa: PLC0415 - slow to import

    return examine(chosen, as_json=as_json)
