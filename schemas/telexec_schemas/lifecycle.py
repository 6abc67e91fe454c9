"""The handshake and what a host says of itself."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET, UnsetType

from telexec_schemas.identifiers import SessionId
from telexec_schemas.message import Message

EXTENSION_VERSION = 1
"""The version of our extensions that this package speaks."""


class ExtensionWish(Message, frozen=True):
    """Sent by a client that knows our extensions; a peer that does not know them ignores it."""

    version: int = EXTENSION_VERSION


class Limits(Message, frozen=True):
    """Numbers of the host that a client should know before it runs into them.

    `lease_ms`: how long a session outlives its connection. `max_frame_bytes`: the largest frame
    that is read. `retained_bytes`: how much output of a process is kept for readers.
    `kill_grace_ms`: what the host leaves between TERM and KILL where nobody says.
    """

    lease_ms: int
    max_frame_bytes: int
    retained_bytes: int
    max_processes: int
    kill_grace_ms: int = 0


class ExtensionGrant(Message, frozen=True):
    """The answer to `ExtensionWish`: what this service offers beyond the base dialect.

    `close_stdin`: `process/closeStdin`. `signals`: any POSIX name in `process/signal`. `resize`:
    `size` at start and `process/resize`. `env_unset`: names to take out of an environment.
    `env_profiles`: the names that `envProfile` may say, the host's own policy (`default`) first;
    with at least one there are also `env/explain` and the `env` of a start's result.
    `timeouts`: `timeoutMs`, `idleTimeoutMs` and `killGraceMs` at start. `grace`: `graceMs` in
    `process/terminate`. `flow`: `creditBytes` at start and
    `process/credit`. `lost`: `afterBytes` and `lost` in `process/read`.
    `overflow`: `overflow` at start, and `process/gap`.
    `binary_frames`: `handle` at start, and what `telexec_schemas.binary_frame` says.
    """

    version: int
    server: str
    limits: Limits
    close_stdin: bool = False
    signals: bool = False
    resize: bool = False
    env_unset: bool = False
    timeouts: bool = False
    grace: bool = False
    flow: bool = False
    lost: bool = False
    env_profiles: Sequence[str] = ()
    binary_frames: bool = False
    overflow: bool = False


class Initialize(Message, frozen=True):
    """The first request of a connection. `resume_session_id` re-attaches to a session."""

    client_name: str
    resume_session_id: SessionId | None = None
    telexec: ExtensionWish | UnsetType = UNSET


class Shell(Message, frozen=True):
    """The login shell of the user that the service runs as."""

    name: str
    path: str


class EnvironmentInfo(Message, frozen=True):
    """What a client should know of the host before it uses it; directories are `file://` URIs.

    `provider_id` is opaque and the same for the same host and user. A capability that is absent or
    false is not used by a client.
    """

    shell: Shell
    executor_version: str
    provider_id: str
    cwd: str
    user_home_dir: str
    temp_dir: str
    platform_os: str
    prepend_path_dirs: Sequence[str] = ()
    temporary_directories: Sequence[str] = ()
    capabilities: Mapping[str, bool] = {}


class Initialized(Message, frozen=True):
    """The answer to `Initialize`."""

    session_id: SessionId
    environment_info: EnvironmentInfo
    telexec: ExtensionGrant | UnsetType = UNSET
