"""The part of an environment that has to be sent."""

from collections.abc import Mapping

from telexec_client.environment.delta import EnvironmentDelta
from telexec_schemas.environment_policy import EnvironmentPolicy, build_environment


def overlay_of(
    wanted: Mapping[str, str],
    policy: EnvironmentPolicy | None,
    local: Mapping[str, str],
) -> EnvironmentDelta:
    """Return what an environment has that the policy would not give it here, and what it lacks.

    So an environment that was made on this machine for a process of this machine can be had on
    another: what comes from the machine itself is left to the other one, the rest is sent. On a
    host whose environment equals `local`, the same policy with the result laid over it gives
    `wanted` again. What `wanted` took over from `local`, as HOME and PATH, is not in the result.

    The names that `wanted` lacks travel to the host; a host that does not know how to unset them
    refuses, so leave them out for a plain peer: `env=delta.variables` alone.

    >>> here = {"HOME": "/home/me", "EDITOR": "vi"}
    >>> overlay_of({"HOME": "/home/me", "CI": "1"}, EnvironmentPolicy(), here)
    <EnvironmentDelta sets ['CI'], unsets ['EDITOR']>

    Args:
        wanted: The environment that a process would get here.
        policy: How it was made, and will be on the host; `None`: `wanted` is exact, all is sent.
        local: What it was made from; say which of your own variables that is, by name.
    """
    given = build_environment(local, policy, {})
    return EnvironmentDelta(
        {name: value for name, value in wanted.items() if given.get(name) != value},
        given.keys() - wanted.keys(),
    )
