"""The handshake and what a host says of itself."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from telexec_schemas.identifiers import Count, SessionId
from telexec_schemas.message import Message

EXTENSION_VERSION = 1
"""The version of our extensions that this package speaks."""


SessionName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
"""Given by a client; unique on the host for as long as the session is there."""


class DisconnectGrace(Message, frozen=True):
    """Keep the session for `grace_ms` after its connection is lost, as far as the host allows."""

    grace_ms: Count


class ExtensionWish(Message, frozen=True):
    """Sent by a client that knows our extensions; a peer that does not know them ignores it.

    `on_disconnect`: what becomes of the session when its connection is lost; `kill`: it ends at
    once. Nothing said: the host's own lease, or what was granted before. `session_name` names a new
    session, or, with `attach`, the one to take up. `attach`: take up an existing session, by
    `resumeSessionId` or by name; `takeOver`: also from another connection. `beside`: the id or name
    of another session, which a new one without a name is to be able to look into: it is made where
    the host has that. `instance` and `generation`: what the grant said that a session is resumed
    after.
    """

    version: int = EXTENSION_VERSION
    on_disconnect: Literal["kill"] | DisconnectGrace | UnsetType = UNSET
    session_name: SessionName | UnsetType = UNSET
    attach: Literal["resume", "takeOver"] | UnsetType = UNSET
    beside: str | UnsetType = UNSET
    instance: str | UnsetType = UNSET
    generation: Count | UnsetType = UNSET


class Limits(Message, frozen=True):
    """Numbers of the host that a client should know before it runs into them.

    `lease_ms`: how long this session outlives its connection. `max_frame_bytes`: the largest frame
    that is read. `retained_bytes`: how much output of a process is kept for readers.
    `max_processes`: how many may run in the session, `max_host_processes`: on the host.
    `max_requests_in_flight`: how many may wait for their answer. `max_file_bytes`: the largest file
    that is read whole; `max_open_files`: how many handles the session may hold.
    `stdin_backlog_bytes`: how much input of a process may wait. 0: an older host that does not say.
    `kill_grace_ms`: what the host leaves between TERM and KILL where nobody says.
    """

    lease_ms: int
    max_frame_bytes: int
    retained_bytes: int
    max_processes: int
    kill_grace_ms: int = 0
    max_host_processes: int = 0
    max_requests_in_flight: int = 0
    max_file_bytes: int = 0
    max_open_files: int = 0
    stdin_backlog_bytes: int = 0


class ExtensionGrant(Message, frozen=True):
    """The answer to `ExtensionWish`: what this service offers beyond the base dialect.

    `close_stdin`: `process/closeStdin`. `signals`: any POSIX name in `process/signal`. `resize`:
    `size` at start and `process/resize`. `env_unset`: names to take out of an environment.
    `env_profiles`: the names that `envProfile` may say, the host's own policy (`default`) first;
    with at least one there are also `env/explain` and the `env` of a start's result.
    `timeouts`: `timeoutMs`, `idleTimeoutMs` and `killGraceMs` at start. `grace`: `graceMs` in
    `process/terminate`. `process_limits`: `limits` at start. `tree_limits`: the names
    of those of its limits on whole trees that this host has, such as `treeTasks`.
    `flow`: `creditBytes` at start and `process/credit`.
    `lost`: `afterBytes` and `lost` in `process/read`. `parts`: `partBytes` there.
    `overflow`: `overflow` at start, and `process/gap`. `merge_stderr`: `mergeStderr` at start.
    `binary_frames`: `handle` at start, and what `telexec_schemas.binary_frame` says.
    `idempotent_start`: a start with a known id and equal parameters is answered with its process.
    `on_disconnect`: the wish of that name, and `session/end`. `attach`: `process/list`,
    `process/attach` and `process/detach`. `sessions`: names of sessions, taking them up and over,
    reading along, and `session/list`.
    `instance` is another one whenever the service was started anew; `generation` is how often the
    session passed from one client to another. A client says both when it resumes the session.
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
    process_limits: bool = False
    tree_limits: Sequence[str] = ()
    flow: bool = False
    lost: bool = False
    env_profiles: Sequence[str] = ()
    binary_frames: bool = False
    overflow: bool = False
    merge_stderr: bool = False
    idempotent_start: bool = False
    on_disconnect: bool = False
    attach: bool = False
    sessions: bool = False
    parts: bool = False
    instance: str | UnsetType = UNSET
    generation: int = 0
    session_name: str | UnsetType = UNSET


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
