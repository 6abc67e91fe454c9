"""Everything an operator can set, read once at start and passed down as frozen structs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from telexec_schemas.spelling import did_you_mean

KIB = 1024
MIB = 1024 * KIB

MAX_WORKERS = 64
"""How many workers a service may have."""

Workers = Annotated[int, Meta(ge=1, le=MAX_WORKERS)]
Positive = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]


class ConfigError(Exception):
    """The configuration cannot be used; the text says where and why."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the configuration file; unknown keys are errors."""


class Limits(Section, frozen=True):
    """Bounds. `*_bytes` are bytes; the rest are counts.

    With `max_unsent_bytes` on their way to a client it has to take some before it is answered more.
    A larger inbound frame closes its connection (close code 1009); an outbound one is never larger
    than a file read or a batch of output. `retained_bytes` of output are kept per process for
    readers, `host_retained_bytes` of all together. A write to stdin is answered at once while
    `stdin_buffer_bytes` hold it, later when the process has read enough, and refused beyond
    `stdin_backlog_bytes`.
    """

    max_frame_bytes: Positive = 64 * MIB
    max_connections: Positive = 4096
    max_sessions: Positive = 4096
    max_processes: Positive = 1024
    max_host_processes: Positive = 4096
    max_finished_processes: Positive = 1024
    max_requests_in_flight: Positive = 1024
    max_watches: Positive = 64
    max_unsent_bytes: Positive = 16 * MIB
    retained_bytes: Positive = MIB
    host_retained_bytes: Positive = 1024 * MIB
    retained_events: Positive = 16_384
    stdin_buffer_bytes: Positive = MIB
    stdin_backlog_bytes: Positive = 128 * MIB
    handshake_timeout_s: Seconds = 10.0


class FileLimits(Section, frozen=True, kw_only=True):
    """Bounds of file requests.

    `max_file_bytes`: the largest file that is read whole. `max_entries`: the most names that one
    listing or walk looks at. `max_open_files`: the most handles that one session holds.
    `threads`: how many requests are worked on at once, over all sessions.
    """

    max_file_bytes: Positive = 32 * MIB
    max_entries: Positive = 100_000
    max_open_files: Positive = 128
    threads: Positive = 8


class SpillFiles(Section, frozen=True):
    """Files that take the output which memory does not hold.

    `directory`: where they are; None: there are none. They have no names, and are gone with their
    processes. The others bound their size, of one process and over all.
    """

    directory: str | None = None
    process_bytes: Positive = 64 * MIB
    host_bytes: Positive = 1024 * MIB


class Sessions(Section, frozen=True):
    """How long things outlive what they belong to, in seconds.

    `lease_s`: a session without its connection, unless its client asks for another time, of at most
    `max_lease_s`. `finished_s`: a finished process whose output was
    delivered.
    """

    lease_s: Seconds = 30.0
    max_lease_s: Seconds = 86_400.0
    finished_s: Seconds = 30.0

    @property
    def longest_lease_s(self) -> float:
        """The longest time that a client may ask for; what it has anyway is never too long."""
        return max(self.lease_s, self.max_lease_s)


class Keepalive(Section, frozen=True):
    """How a dead peer is noticed, in seconds.

    A peer that sent nothing for `interval_s` is pinged and cut off if it stays silent for
    `timeout_s` more. When another connection wants to resume its session, it has `probe_s`.
    """

    interval_s: Seconds = 20.0
    timeout_s: Seconds = 20.0
    probe_s: Seconds = 2.0


class Policy(Section, frozen=True):
    """What a process gets of the service's own environment; the steps in this order.

    Patterns know `*` and `?` and ignore case. `set` is literal.
    """

    inherit: Literal["all", "core", "none"] = "all"
    ignore_default_excludes: bool = False
    exclude: Sequence[str] = ()
    set: Mapping[str, str] = {}
    include_only: Sequence[str] = ()


class Overlay(Section, frozen=True):
    """What a request may touch of an environment: set, unset, or set by a policy of its own.

    `allow`, `deny` and `fixed` hold patterns and classes (`@loader`, …); `deny` and `fixed` win
    over `allow`. What is `fixed` keeps the host's value. With `path_prepend`, PATH may only get
    some of these directories in front of the host's value; None: PATH is as any other. The rest
    are bounds of the environment that comes out.
    """

    allow: Sequence[str] = ("*",)
    deny: Sequence[str] = ("@loader", "@shell")
    fixed: Sequence[str] = ()
    path_prepend: Sequence[str] | None = None
    max_variables: Positive = 4096
    max_bytes: Positive = MIB


class Requests(Section, frozen=True):
    """How much a request may decide itself.

    `policy`: whether it may bring a policy of its own: `off`, on what is left when the hidden
    variables are gone (`bounded`), or on all but the service's own (`trusted`). `exact`: whether it
    may do without a policy and give the whole environment.
    """

    policy: Literal["off", "bounded", "trusted"] = "bounded"
    exact: bool = True


class Environment(Policy, frozen=True):
    """How the environments of processes come to be. The policy's own keys are the host's policy.

    `hide`: variables of the service that reach no process: patterns and classes, besides the
    classes `@service` and `@systemd`, which are always hidden. `profiles`: further policies, by the
    name that requests call them.
    """

    hide: Sequence[str] = ("@credentials",)
    profiles: Mapping[str, Policy] = {}
    overlay: Overlay = Overlay()
    requests: Requests = Requests()


class Processes(Section, frozen=True, kw_only=True):
    """What every process gets besides its environment.

    `oom_score_adj`: how much sooner than the service the kernel ends it when memory is short (see
    proc_pid_oom_score_adj(5)). The rest are limits, which requests may only lower: `tree_*` those
    of a process and all that it starts together, which need cgroups; None: no limit. The others are
    of each process (setrlimit(2)); None: the service's own. `tree_tasks` are processes and threads,
    `tree_cpu_percent` says 100 for one core.
    """

    oom_score_adj: Annotated[int, Meta(ge=0, le=1000)] = 500
    address_space_bytes: Positive | None = None
    core_bytes: NotNegative | None = None
    cpu_s: Positive | None = None
    file_bytes: NotNegative | None = None
    open_files: Positive | None = None
    user_processes: Positive | None = None
    tree_memory_bytes: Positive | None = None
    tree_tasks: Positive | None = None
    tree_cpu_percent: Positive | None = None


class ControlGroups(Section, frozen=True):
    """Cgroups (version 2) of processes.

    `parent`: the directory of the one below which each process gets its own, or `auto`: the
    service's own; None: there are none.
    """

    parent: str | None = None


class Shutdown(Section, frozen=True):
    """What SIGTERM does, in seconds.

    Running processes have `drain_s` to end by themselves, then TERM and, `kill_grace_s` later,
    KILL.
    """

    drain_s: Seconds = 5.0
    kill_grace_s: Seconds = 2.0


class Audit(Section, frozen=True):
    """What the audit log of the service has, if there is one.

    `argv`: whole command lines, not only the names of programs. `required`: nothing starts and no
    file is changed that cannot be recorded.
    """

    argv: bool = False
    required: bool = False


class Service(Section, frozen=True):
    """Where and for whom to serve; the flags of the command, which win, say what each means."""

    listen: str = "ws://127.0.0.1:0"
    token_file: str | None = None
    no_auth: bool = False
    tls_cert: str | None = None
    tls_key: str | None = None
    plaintext: bool = False
    allowed_hosts: Sequence[str] = ()
    workers: Workers = 1
    debuggable: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_token_file: str | None = None
    audit_log: str | None = None


class Config(Section, frozen=True):
    """The whole configuration."""

    service: Service = Service()
    limits: Limits = Limits()
    spill: SpillFiles = SpillFiles()
    files: FileLimits = FileLimits()
    sessions: Sessions = Sessions()
    keepalive: Keepalive = Keepalive()
    env: Environment = Environment()
    processes: Processes = Processes()
    cgroups: ControlGroups = ControlGroups()
    shutdown: Shutdown = Shutdown()
    audit: Audit = Audit()


def load_config(path: str) -> Config:
    """Return the configuration that a TOML file holds; what it leaves out has its default.

    Raises:
        ConfigError: The file cannot be read, is no TOML, or holds an unknown key or a bad value.
    """
    import tomllib  # noqa: PLC0415 - many services have no file

    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error
    unknown = list(_unknown_keys(document, Config, ""))
    if unknown:
        raise ConfigError(f"cannot use the configuration {path}: {'; '.join(unknown)}")
    try:
        return msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"cannot use the configuration {path}: {error}") from error


def _unknown_keys(table: Mapping[str, object], section: object, place: str) -> Iterator[str]:
    """Say each key that is not known where it stands, with the known one that it looks like."""
    if not (isinstance(section, type) and issubclass(section, msgspec.Struct)):
        return
    known = {field.name: field.type for field in msgspec.structs.fields(section)}
    for key, value in table.items():
        where = f"{place}.{key}" if place else key
        if key not in known:
            table_name = f"[{place}]" if place else "the file"
            hint = did_you_mean(key, known) or f"known are {', '.join(known)}"
            yield f"unknown key {key!r} in {table_name}: {hint}"
        elif isinstance(value, dict):
            inner = cast("Mapping[str, object]", value)
            if known[key] == Mapping[str, Policy]:
                for name, profile in inner.items():
                    if isinstance(profile, dict):
                        fields = cast("Mapping[str, object]", profile)
                        yield from _unknown_keys(fields, Policy, f"{where}.{name}")
            else:
                yield from _unknown_keys(inner, known[key], where)
