"""Which names a listener answers to: the defence against DNS rebinding.

A page in a browser can have its own name point at a loopback address, and then talks to what
listens there as to its own host. It cannot choose the `Host` header, which says that name.
"""

import ipaddress
from collections.abc import Collection

_LOCAL = "localhost"


class HostNames:
    """Decides about the `Host` header of requests.

    An IP address and `localhost` are always right: nobody's DNS has a say in them.

    Args:
        listed: Further names that are right, in any case and without a port.
        is_loopback: Whether only this machine can connect. Elsewhere, any name is right as long as
            none is listed.
    """

    def __init__(self, listed: Collection[str], *, is_loopback: bool) -> None:
        self._listed = frozenset(map(_normal, listed)) | {_LOCAL}
        self._takes_any = not listed and not is_loopback

    def accept(self, host: str) -> bool:
        """Return whether a `Host` header is right."""
        name = host_name(host)
        return self._takes_any or _normal(name) in self._listed or _is_address(name)


def host_name(host: str) -> str:
    """Return a `Host` header without its port (RFC 9110, 7.2)."""
    if host.startswith("["):
        return "".join(host.partition("]")[:2])
    return host.partition(":")[0]


def is_host_name(text: str) -> bool:
    """Return whether a name may be listed: it is one, without a scheme, a port or a path."""
    letters = text.replace("-", "").replace(".", "").replace("_", "")
    return letters.isascii() and letters.isalnum()


def _normal(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    is_bracketed = name.startswith("[") and name.endswith("]")
    try:
        address = ipaddress.ip_address(name[1:-1] if is_bracketed else name)
    except ValueError:
        return False
    return is_bracketed == (address.version == 6)
