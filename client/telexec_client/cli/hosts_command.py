"""`telexec hosts`: its options and help. What it does is elsewhere."""

import click

from telexec_client.cli.hosts_file import read_hosts

_EPILOG = """\b
The file is ~/.config/telexec/hosts.toml, or what TELEXEC_HOSTS names:

\b
  default = "build1"             # where no --host and no --url is given
\b
  [hosts.build1]
  url = "wss://build1.example:7333"
  token_file = "build1.token"    # beside this file, or ~/…, or /…
  ca_file = "build-ca.pem"
\b
  [hosts.here]
  url = "unix:/run/telexec.sock"

\b
Examples:
  telexec hosts
  telexec hosts --check
  telexec run --host build1 -- make -j8

\b
Exit code: 0, 1 if a host does not answer, 125 if telexec itself failed.
"""


@click.command("hosts", short_help="List the hosts that have names.", epilog=_EPILOG)
@click.option("--check", is_flag=True, help="Also ask each whether it opens a session, within 5 s.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def hosts(*, check: bool, as_json: bool) -> int:
    """List the hosts that --host knows by name, with what is used to connect to them."""
    known = read_hosts()
    from telexec_client.cli.hosts_check import show_hosts  # noqa: PLC0415 - slow to import

    return show_hosts(known, checks=check, as_json=as_json)
