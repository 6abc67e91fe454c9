"""Whose environment a process gets: the host's by one of its policies, one by ours, or neither."""

from enum import Enum
from typing import Final

from telexec_schemas.environment_policy import EnvironmentPolicy


class HostPolicy(Enum):
    """The type of `HOST_POLICY`."""

    HOST_POLICY = "host policy"


HOST_POLICY: Final = HostPolicy.HOST_POLICY
"""The environment that a host gives by itself.

On another machine that is what its own policy says, or, where it has no policies to name, its
environment less what looks like a secret; on the embedded host nothing but what the caller says.
"""

PolicyChoice = EnvironmentPolicy | HostPolicy | None
"""`None`: the environment is exactly what the caller says."""
