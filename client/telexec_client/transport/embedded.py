"""The embedded host: the service as our own child, without a port."""

import importlib.util
import os
import sys
from collections.abc import Mapping

from telexec_client.errors import EmbeddedHostUnavailableError
from telexec_client.transport.stdio import StdioDialer
from telexec_schemas.environment_policy import CORE_NAMES

_NEEDED = ("telexec_service", "structlog", "uvloop", "pybase64", "tomli_w")


def embedded_dialer() -> StdioDialer:
    """Return the way to a service that is started for us alone and ends with us.

    Raises:
        EmbeddedHostUnavailableError: `telexec[service]` is not installed.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise EmbeddedHostUnavailableError(missing)
    # -P: nothing in the current directory may take the place of a module.
    program = (sys.executable, "-P", "-m", "telexec_service")
    # Its stderr is ours: what goes as planned is not worth a line there.
    # What an operator wrote for the service of this machine is not about ours.
    config = os.path.join(os.path.dirname(__file__), "embedded.toml")
    options = ("--listen", "stdio", "--log-level", "warning", "--config", config)
    return StdioDialer(program + options, core_environment())


def core_environment() -> Mapping[str, str]:
    """Return our own variables of `CORE_NAMES`, each taken by name: no secret comes along."""
    return {name: os.environ[name] for name in sorted(CORE_NAMES) if name in os.environ}
