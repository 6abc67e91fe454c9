"""How programs reach the network."""

from collections.abc import Sequence

from telexec_client.environment.delta import EnvironmentDelta


def proxy_variables(
    *,
    http: str | None = None,
    https: str | None = None,
    everything: str | None = None,
    bypass: Sequence[str] = (),
) -> EnvironmentDelta:
    """Return the variables that send programs through a proxy, each in upper and in lower case.

    There is no standard: curl reads `http_proxy` in lower case only, others only upper case
    (curl(1), ENVIRONMENT). What is not said stays as the host has it.

    >>> proxy_variables(http="http://proxy:3128", bypass=["localhost", ".example"])
    <EnvironmentDelta sets ['HTTP_PROXY', 'NO_PROXY', 'http_proxy', 'no_proxy'], unsets []>

    Args:
        http: The URL of the proxy for `http://`.
        https: The URL of the proxy for `https://`; itself mostly `http://…`.
        everything: The URL of the proxy for what has none of its own, such as `socks5h://…`.
        bypass: Hosts and domains to reach directly.
    """
    said = {
        "HTTP_PROXY": http,
        "HTTPS_PROXY": https,
        "ALL_PROXY": everything,
        "NO_PROXY": ",".join(bypass) or None,
    }
    return EnvironmentDelta(
        {
            spelling: value
            for name, value in said.items()
            if value is not None
            for spelling in (name, name.lower())
        }
    )
