"""Which environment a process is asked to get."""

from enum import Enum
from typing import Final

from telexec_schemas.environment_policy import EnvironmentPolicy


class HostPolicy(Enum):
    """The type of `HOST_POLICY`."""

    HOST_POLICY = "host policy"


HOST_POLICY: Final = HostPolicy.HOST_POLICY
"""The environment that a host gives by itself: on another machine that machine's environment, less
what looks like a secret; on the embedded host nothing but what the caller says."""

PolicyChoice = EnvironmentPolicy | HostPolicy | None


def chosen_policy(choice: PolicyChoice, *, is_embedded: bool) -> EnvironmentPolicy | None:
    """Return the policy to send; `None`: the environment is exactly what the caller says."""
    if isinstance(choice, HostPolicy):
        return None if is_embedded else EnvironmentPolicy()
    return choice
