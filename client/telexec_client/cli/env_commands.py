"""`telexec env`: its commands, options and help. What they do is elsewhere."""

from typing import Any

import click

from telexec_client.cli.env_request import (
    DiffRequest,
    ExplainRequest,
    Side,
    UnusedOptionError,
    diff_sides,
    is_url,
)
from telexec_client.cli.hosts_file import read_hosts
from telexec_client.cli.options import (
    chosen_host,
    environment_options,
    host_options,
    host_parameters,
    is_for_all,
    overridden,
    policy_options,
    variable_options,
    with_tls_only,
)
from telexec_client.cli.request import Inherit, Target

_VALUES_HELP = "Also show values. Those of names that look like credentials are never shown."

_EXPLAIN_EPILOG = """\b
Examples:
  telexec env explain --url ws://build1:7333 --token-file ~/token
  telexec env explain --profile ci -e CI=true --unset LANG --values
  telexec env explain --inherit core --json | jq -r '.dropped[].name'

\b
ORIGIN says where a variable comes from:
  host     the service's own environment
  set      the `set` of the policy
  overlay  -e and --env-file

\b
Exit code: 0, 1 if a variable is refused, 125 if telexec itself failed.
"""

_DIFF_EPILOG = """\b
Examples:
  telexec env diff --url ws://build1:7333 default ci
  telexec env diff @build1 @build2 --profile ci --values
  telexec env diff ws://build1:7333 ws://build2:7333 \\
      --token-file ~/token1 --token-file-b ~/token2

Lines with - are of A, those with + of B; a variable without a line on one side is not known there.

\b
Exit code: 0, 1 if something differs, 125 if telexec itself failed.
"""


@click.group("env")
def env() -> None:
    """Say what environment a process would get on a host, and why."""


@env.command("explain", short_help="Explain one environment.", epilog=_EXPLAIN_EPILOG)
@host_options
@variable_options
@policy_options
@click.option("--values", is_flag=True, help=_VALUES_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as one JSON object.")
def explain(
    *,
    host: Target,
    variables: tuple[str, ...],
    env_files: tuple[str, ...],
    unset: tuple[str, ...],
    profile: str | None,
    inherit: Inherit | None,
    values: bool,
    as_json: bool,
) -> int:
    """Show every variable that PROGRAM would get from a `telexec run` with the same options.

    With each, where it comes from; then the variables that it would not get, each with the rule
    that takes it away; then those that the host refuses. Nothing is started.
    """
    options = environment_options(
        variables=variables, env_files=env_files, unset=unset, profile=profile, inherit=inherit
    )
    request = ExplainRequest(Side(host, options), values, as_json)
    from telexec_client.cli.remote_environment import explain_there  # noqa: PLC0415 - slow

    return explain_there(request)


@env.command("diff", short_help="Compare two environments.", epilog=_DIFF_EPILOG)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@host_parameters
@click.option(
    "--token-file-b",
    metavar="FILE",
    help="Where the token of B's host is.  [default: --token-file if it is also A's host]",
)
@variable_options
@click.option("--profile", metavar="NAME", help="The profile to compare, where A or B is a host.")
@click.option("--profile-b", metavar="NAME", help="Another profile for B.")
@click.option("--values", is_flag=True, help=_VALUES_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def diff(
    *,
    a: str,
    b: str,
    url: str | None,
    host: str | None,
    token_file: str | None,
    ca_file: str | None,
    token_file_b: str | None,
    profile: str | None,
    profile_b: str | None,
    values: bool,
    as_json: bool,
    **requested: Any,
) -> int:
    """Compare the environments that PROGRAM would get on two hosts, or under two profiles.

    A and B are each a host, as @NAME or by its URL, or the name of a profile of the host that
    --host or --url names.
    """
    options = environment_options(profile=profile, inherit=None, **requested)
    # The token is that of A's host, the CA file is for both.
    operands = (_operand(a, token_file, ca_file), _operand(b, None, ca_file))
    is_alone = not isinstance(operands[0], str)
    target = Target()
    if any(isinstance(operand, str) for operand in operands):
        target = chosen_host(url, host, None if is_alone else token_file, ca_file)
    sides = diff_sides(operands, with_tls_only(target), options, token_file_b, profile_b)
    is_ca_unused = not any(side.target.ca_file for side in sides)
    if ca_file is not None and is_ca_unused and not is_for_all("ca_file"):
        raise UnusedOptionError("cannot use --ca: neither A nor B is a host at wss://")
    request = DiffRequest(*sides, values, as_json)
    from telexec_client.cli.remote_environment import compare_there  # noqa: PLC0415 - slow

    return compare_there(request)


def _operand(text: str, token_file: str | None, ca_file: str | None) -> Target | str:
    """Return the host that an operand names, or else the operand."""
    if text.startswith("@"):
        return with_tls_only(overridden(read_hosts().named(text[1:]), token_file, ca_file))
    return with_tls_only(Target(text, token_file, ca_file)) if is_url(text) else text
