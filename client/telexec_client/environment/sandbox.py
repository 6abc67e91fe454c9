"""What a process should know of its confinement."""

from telexec_client.environment.delta import EnvironmentDelta


def sandbox_markers(
    kind: str | None = None, *, has_network: bool = True, prefix: str = "AGENT"
) -> EnvironmentDelta:
    """Return the variables that tell a process that it is confined; they confine nothing.

    Programs that would only fail, such as a test of the network, can look at them first.

    Args:
        kind: What confines it, as `AGENT_SANDBOX`; `None`: nothing does.
        has_network: If not, `AGENT_SANDBOX_NETWORK_DISABLED` is 1.
        prefix: How the names begin; hosts take none that begin with `TELEXEC_`.
    """
    markers = {} if kind is None else {f"{prefix}_SANDBOX": kind}
    if not has_network:
        markers[f"{prefix}_SANDBOX_NETWORK_DISABLED"] = "1"
    return EnvironmentDelta(markers)
