"""From what options say of an environment to what the client is asked for."""

from telexec_client import HOST_POLICY, EnvironmentPolicy, HostPolicy
from telexec_client.cli.request import EnvironmentOptions


def policy_choice(options: EnvironmentOptions) -> EnvironmentPolicy | HostPolicy:
    """Return the policy to ask for; a profile, if there is one, takes its place."""
    return HOST_POLICY if options.inherit is None else EnvironmentPolicy(inherit=options.inherit)
