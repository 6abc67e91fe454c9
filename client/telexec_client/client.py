"""The client: a session on a host, and what can be done in it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Unpack, overload

from telexec_client.completed import CompletedProcess, CompletedText
from telexec_client.connection import Connection
from telexec_client.core.opening import Opening
from telexec_client.core.session_wish import SessionMode, SessionWish
from telexec_client.environment import HOST_POLICY, PolicyChoice
from telexec_client.environment.wish import EnvironmentWish
from telexec_client.errors import (
    AuthenticationError,
    CertificateError,
    HostUnreachableError,
    UnsupportedError,
)
from telexec_client.process import (
    DEFAULT_MAX_OUTPUT_BYTES,
    FollowedProcess,
    OnCancel,
    Process,
    RunOptions,
    StartWish,
    attach_process,
    completed_text,
    explain_environment,
    input_bytes,
    list_processes,
    run_to_end,
    start_process,
    wanted_form,
    watch_process,
)
from telexec_client.transport import Dialer, command_dialer, embedded_dialer, url_dialer
from telexec_schemas.attachment import ProcessList
from telexec_schemas.environment import EnvironmentExplanation
from telexec_schemas.lifecycle import EnvironmentInfo, ExtensionGrant
from telexec_schemas.message import NOTHING
from telexec_schemas.methods import SESSION_LIST
from telexec_schemas.process import Overflow, ProcessLimits, TerminalSize
from telexec_schemas.session import SessionList

if TYPE_CHECKING:
    from telexec_client.filesystem import Files

OPEN_TIMEOUT_S = 10.0
"""How long it may take to connect and open a session."""


class Client:
    """A session on a host. Made by `connect`."""

    def __init__(self, connection: Connection, *, is_embedded: bool) -> None:
        self._connection = connection
        self._is_embedded = is_embedded
        # The one task that belongs to no task group: a client that was awaited has none to live in.
        # `close` waits for it and raises what it failed with.
        self._owner = asyncio.get_running_loop().create_task(
            connection.run(), name=f"telexec client of {connection.address}"
        )

    @cached_property
    def files(self) -> "Files":
        """The files of the host."""
        # Who only runs programs does not wait for it to be loaded.
        from telexec_client.filesystem import Files  # noqa: PLC0415

        return Files(self._connection)

    @property
    def host(self) -> EnvironmentInfo:
        """What the host says of itself; directories are `file://` URIs."""
        return self._connection.host

    @property
    def extensions(self) -> ExtensionGrant | None:
        """What the host offers beyond the base dialect; `None`: nothing."""
        return self._connection.extensions

    @property
    def is_embedded(self) -> bool:
        """Whether the host is a service that was started for this client alone."""
        return self._is_embedded

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        env_policy: PolicyChoice = HOST_POLICY,
        env_profile: str | None = None,
        unset: Collection[str] = (),
        cwd: str | None = None,
        arg0: str | None = None,
        tty: bool = False,
        size: TerminalSize | None = None,
        stdin: bool = False,
        merge_stderr: bool = False,
        timeout_s: float | None = None,
        idle_timeout_s: float | None = None,
        kill_grace_s: float | None = None,
        overflow: Overflow = "pause",
        limits: ProcessLimits | None = None,
    ) -> Opening[Process]:
        r"""Start a process, which ends with the `async with` block; with `await`, others end it.

        >>> async with client.start(["cat"], stdin=True) as process:
        ...     await process.write(b"hello\n")
        ...     print(await process.stdout.read())
        ...     await process.close_stdin()
        ...     done = await process.wait()
        b'hello\n'
        >>> done.exit_code
        0

        Args:
            argv: The program and its arguments; the program is looked up in the child's PATH.
            env: Variables, laid over what `env_policy` or `env_profile` gives.
            env_policy: What the process gets of the host's environment; `None`: nothing. The
                default is described at `HOST_POLICY`.
            env_profile: In the place of `env_policy`, the name of a policy in the host's own
                configuration; `extensions.env_profiles` lists them.
            unset: Names to take out at the end.
            cwd: An absolute path on the host; the default is the host's own `cwd`.
            arg0: Another argv[0] for the program.
            tty: Start it on a PTY instead of pipes.
            size: The size of the PTY, 24 rows of 80 columns by default.
            stdin: Keep its stdin writable; otherwise it is `/dev/null`. A PTY always is writable.
            merge_stderr: Have its stderr go where its stdout goes: all output is in `stdout`, in
                the order in which it was written; on a plain host, in which it was read there.
            timeout_s: How long it may run.
            idle_timeout_s: How long it may write nothing.
            kill_grace_s: How much later KILL follows TERM then.
            overflow: When the host holds as much unread output as it may, a process waits until
                some is read (`pause`); or the oldest is dropped (`drop`), and reading it raises an
                `OutputGapError` that says how much.
            limits: What it may use; limits that are higher than the host's change nothing.

        Raises:
            StartError: It cannot be started; there are kinds of it.
            EnvironmentChoiceError: Both `env_policy` and `env_profile` were given.
            UnsupportedError: The host lacks something that was asked for.
        """
        wish = StartWish(
            argv=argv,
            env=env,
            env_policy=env_policy,
            env_profile=env_profile,
            unset=unset,
            cwd=cwd,
            arg0=arg0,
            tty=tty,
            size=size,
            stdin=stdin,
            merge_stderr=merge_stderr,
            timeout_s=timeout_s,
            idle_timeout_s=idle_timeout_s,
            kill_grace_s=kill_grace_s,
            overflow=overflow,
            limits=limits,
        )
        return self._starting(wish)

    @overload
    async def run(
        self,
        argv: Sequence[str],
        *,
        text: Literal[False] = False,
        encoding: None = None,
        errors: str = "strict",
        **options: Unpack[RunOptions],
    ) -> CompletedProcess: ...

    @overload
    async def run(
        self,
        argv: Sequence[str],
        *,
        text: Literal[True],
        encoding: str | None = None,
        errors: str = "strict",
        **options: Unpack[RunOptions],
    ) -> CompletedText: ...

    @overload
    async def run(
        self,
        argv: Sequence[str],
        *,
        text: bool = False,
        encoding: str,
        errors: str = "strict",
        **options: Unpack[RunOptions],
    ) -> CompletedText: ...

    async def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        env_policy: PolicyChoice = HOST_POLICY,
        env_profile: str | None = None,
        unset: Collection[str] = (),
        cwd: str | None = None,
        input: bytes | str | None = None,  # noqa: A002 -- the name it has in subprocess.run
        tty: bool = False,
        merge_stderr: bool = False,
        timeout_s: float | None = None,
        idle_timeout_s: float | None = None,
        overflow: Overflow = "pause",
        limits: ProcessLimits | None = None,
        check: bool = False,
        max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
        text: bool = False,
        encoding: str | None = None,
        errors: str = "strict",
        on_cancel: OnCancel = "kill",
    ) -> CompletedProcess | CompletedText:
        r"""Run a process to its end and return how it ended, with all its output.

        It is ended when this fails, or is cancelled without `on_cancel="detach"`.

        >>> done = await client.run(["sort"], input="b\na\n", text=True, check=True)
        >>> done.stdout, done.exit_code
        ('a\nb\n', 0)
        >>> await client.run(["false"], check=True)
        Traceback (most recent call last):
        ProcessFailedError: cannot use the result of 'false': it failed (exit code 1)

        Args:
            argv: See `start`.
            env: See `start`.
            env_policy: See `start`.
            env_profile: See `start`.
            unset: See `start`.
            cwd: See `start`.
            tty: See `start`.
            merge_stderr: See `start`.
            timeout_s: See `start`.
            idle_timeout_s: See `start`.
            overflow: See `start`.
            limits: See `start`.
            input: Written to its stdin, which is then closed. A process that ends without reading
                it is no error. `None`: its stdin is `/dev/null`. Text is sent in `encoding`.
            check: Raise an error if it ends with another exit code than 0.
            max_output_bytes: The most output to keep.
            text: Return its output as `str`; errors have bytes all the same.
            encoding: The same, in this encoding; `utf-8` where only `text` is said.
            errors: See `bytes.decode`.
            on_cancel: What becomes of it when this is cancelled: it ends (`kill`), or goes on as
                after `Process.detach` (`detach`), and `processes` lists it.

        Raises:
            ProcessTimeoutError: It did not end within `timeout_s`, or (`ProcessIdleError`) wrote
                nothing for `idle_timeout_s`.
            ProcessFailedError: `check` was asked for, and it failed.
            OutputLimitError: It wrote more than `max_output_bytes`.
            OutputGapError: Output was lost with a connection.
            OutputEncodingError: Its output is no text in the encoding.
            SessionLostError: The host cannot be reached any more.
            LookupError: Python has no such encoding; nothing was started.
            UnicodeEncodeError: The input cannot be encoded; nothing was started.
        """
        form = wanted_form(text=text, encoding=encoding, errors=errors)
        data = input_bytes(input, form)
        if data and not tty and not self._can_close_stdin:
            raise UnsupportedError("end the input of a process")
        if data == b"" and not tty:
            # Nothing to read is what /dev/null gives, and every host has that.
            data = None
        if on_cancel == "detach" and (self.extensions is None or not self.extensions.attach):
            raise UnsupportedError("leave a process to its session")
        wish = StartWish(
            argv=argv,
            env=env,
            env_policy=env_policy,
            env_profile=env_profile,
            unset=unset,
            cwd=cwd,
            tty=tty,
            stdin=data is not None,
            merge_stderr=merge_stderr,
            timeout_s=timeout_s,
            idle_timeout_s=idle_timeout_s,
            overflow=overflow,
            limits=limits,
            on_cancel=on_cancel,
        )
        async with self._starting(wish) as process:
            completed = await run_to_end(
                process, data, check=check, max_output_bytes=max_output_bytes, on_cancel=on_cancel
            )
        return completed if form is None else completed_text(completed, form)

    async def explain_env(
        self,
        *,
        env: Mapping[str, str] | None = None,
        env_policy: PolicyChoice = HOST_POLICY,
        env_profile: str | None = None,
        unset: Collection[str] = (),
        values: bool = False,
    ) -> EnvironmentExplanation:
        """Return the environment that a start with the same arguments would get, and why.

        Variables that the host would refuse are in its `refused`; nothing is raised for them.

        >>> explained = await client.explain_env(env={"CI": "1"}, values=True)
        >>> [(it.name, it.value, it.origin) for it in explained.variables]
        [('CI', '1', 'overlay')]

        Args:
            env: See `start`.
            env_policy: See `start`.
            env_profile: See `start`.
            unset: See `start`.
            values: Also have the values; the host keeps those of credential-like names to itself.

        Raises:
            ProfileUnknownError: The host has no such profile.
            PolicyRefusedError: The host takes no policy, or no exact environment, from a request.
            EnvironmentChoiceError: Both `env_policy` and `env_profile` were given.
            UnsupportedError: The host explains nothing, or lacks something that was asked for.
        """
        wish = EnvironmentWish(env=env, env_policy=env_policy, env_profile=env_profile, unset=unset)
        return await explain_environment(
            self._connection, wish, is_embedded=self._is_embedded, values=values
        )

    @property
    def session_id(self) -> str:
        """Names the session on its host; who knows it can resume it."""
        return self._connection.session_id

    @property
    def lease_s(self) -> float:
        """How long the host keeps the session without a connection; 0: it ends with it."""
        return self._connection.lease_s

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to the host right now."""
        return self._connection.is_ready

    async def until_disconnected(self) -> None:
        """Wait until the connection is lost; returns at once while there is none."""
        await self._connection.until_away()

    async def until_connected(self) -> None:
        """Wait until the connection is back; returns at once while there is one.

        Raises:
            SessionLostError: It will not come back.
            ClientClosedError: The client was closed.
        """
        await self._connection.until_ready()

    async def processes(self, session: str | None = None) -> ProcessList:
        """Return what runs in the session and what the host remembers, the newest first.

        >>> done = await client.run(["true"])
        >>> listed = await client.processes()
        >>> [(entry.argv, entry.exit_code) for entry in listed.processes]
        [(['true'], 0)]

        Args:
            session: The id or name of another session; `None`: our own.

        Raises:
            SessionNotFoundError: The host has no such session.
            SessionElsewhereError: Another worker of the host may have it.
            UnsupportedError: The host lists none.
        """
        return await list_processes(self._connection, session)

    async def sessions(self) -> SessionList:
        """Return the sessions of the host, the newest first.

        Its `silent_workers` are those whose sessions are missing, because they did not answer.

        Raises:
            UnsupportedError: The host lists none.
        """
        if self.extensions is None or not self.extensions.sessions:
            raise UnsupportedError("list sessions")
        return await self._connection.call(SESSION_LIST, NOTHING)

    def attach(
        self, process_id: str, *, after_seq: int = 0, after_bytes: int = 0
    ) -> Opening[Process]:
        r"""Follow a process of the session that runs already, or has ended.

        Leaving an `async with` does not end it: see `Process.detach`.

        >>> started = await client.start(["echo", "hello"])
        >>> started.detach()
        >>> async with client.attach(started.process_id) as process:
        ...     done = await process.wait()
        >>> done.stdout
        b'hello\n'

        Args:
            process_id: As `processes` lists it.
            after_seq: The event after which to begin; 0: with the oldest that the host has. An
                entry's `next_seq - 1` and `output_bytes` say that only what comes is wanted.
            after_bytes: How much output there is up to there.

        Raises:
            ProcessNotFoundError: The session has no such process.
            ProcessFollowedError: This client follows it already.
            UnsupportedError: The host cannot do that.
        """
        return Opening(
            lambda: attach_process(self._connection, process_id, after_seq, after_bytes),
            _detach,
        )

    def watch(
        self, session: str, process_id: str, *, after_seq: int = 0, after_bytes: int = 0
    ) -> Opening[FollowedProcess]:
        """Read along with a process of another session, without holding it up.

        Who is too slow misses output: reading raises an `OutputGapError` there, and can go on.

        Args:
            session: Its id or name.
            process_id: See `attach`.
            after_seq: See `attach`.
            after_bytes: See `attach`.

        Raises:
            SessionNotFoundError: The host has no such session.
            SessionElsewhereError: Another worker of the host may have it.
            ProcessNotFoundError: The session has no such process.
            UnsupportedError: The host cannot do that.
        """
        return Opening(
            lambda: watch_process(self._connection, session, process_id, after_seq, after_bytes),
            _detach,
        )

    async def detach(self) -> None:
        """Close the connection and leave the session, with all that runs, for its lease.

        Idempotent; `close` does nothing afterwards.
        """
        await self._close(self._connection.leave)

    async def close(self) -> None:
        """End the session with all that runs in it, and close the connection. Idempotent."""
        await self._close(self._connection.close)

    def _starting(self, wish: StartWish) -> Opening[Process]:
        return Opening(
            lambda: start_process(self._connection, wish, is_embedded=self._is_embedded),
            Process.close,
        )

    async def _close(self, close: Callable[[], Awaitable[None]]) -> None:
        try:
            await close()
        finally:
            self._owner.cancel()
            await asyncio.wait({self._owner})
            if not self._owner.cancelled() and (error := self._owner.exception()) is not None:
                raise error

    @property
    def _can_close_stdin(self) -> bool:
        return self.extensions is not None and self.extensions.close_stdin


def connect(
    url: str | None = None,
    *,
    token: str | None = None,
    token_file: str | None = None,
    ca_file: str | None = None,
    client_name: str = "telexec",
    open_timeout_s: float = OPEN_TIMEOUT_S,
    reconnect: bool = True,
    session: str | None = None,
    session_mode: SessionMode = "new",
    beside: str | None = None,
    on_disconnect: Literal["kill"] | float | None = None,
) -> Opening[Client]:
    """Open a session on a host, for the `async with` block; with `await`, until `close`.

    >>> async with connect() as client:
    ...     client.is_embedded
    True

    Args:
        url: `ws://HOST:PORT`, `wss://HOST:PORT` or `unix:PATH`; `None`: the embedded host, a
            service that is started for this client alone, and ends with it.
        token: What the host asks for to let us in.
        token_file: A file that holds it, on its first line that is no comment; read anew for each
            connection.
        ca_file: For `wss://`, a file in PEM of the authorities that may vouch for the host, and no
            others; read anew, too. `None`: those that this system trusts.
        client_name: How the host calls us in its books.
        open_timeout_s: How long it may take until the session is open.
        reconnect: Whether to come back when the connection breaks: what runs goes on meanwhile,
            and no output is lost as far as the host can keep it.
        session: The name of the session; with a mode other than `new`, its id will do.
        session_mode: `new` makes a session of the name. `resume` takes up one that nobody is
            connected to, `take_over` also one that somebody is, whose client then gets a
            `SessionTakenOverError`.
        beside: The id or name of another session, which a new one without a name is to look into
            with `watch` and `processes`: on a host with several workers it is made where that is.
        on_disconnect: What becomes of the session when the connection is lost: `kill` ends it at
            once, a number keeps it for as many seconds, as far as the host allows (`lease_s` says
            how long it will be). `None`: what is usual on the host.

    Raises:
        InvalidUrlError: The URL cannot be used.
        HostUnreachableError: Nothing answers there in time.
        AuthenticationError: The host does not accept the token, or there is none to show.
        CertificateError: Nobody vouches for the host by that name, or `ca_file` is of no use.
        HandshakeError: What answers does not open a session.
        EmbeddedHostUnavailableError: `telexec[service]` is not installed.
        SessionNameTakenError: There is a session of the name.
        SessionNotFoundError: There is none.
        SessionInUseError: Somebody is connected to it.
        UnsupportedError: The host knows no names, or keeps every session as long as it likes.
    """

    def dialer() -> Dialer:
        if url is not None:
            return url_dialer(url, token=token, token_file=token_file, ca_file=ca_file)
        if token is not None or token_file is not None:
            raise AuthenticationError("cannot use a token: the embedded host takes none")
        if ca_file is not None:
            raise CertificateError("cannot use a CA file: the embedded host needs none")
        return embedded_dialer()

    return _opening(
        dialer,
        client_name=client_name,
        open_timeout_s=open_timeout_s,
        reconnect=reconnect,
        is_embedded=url is None,
        wish=SessionWish(
            name=session, mode=session_mode, on_disconnect=on_disconnect, beside=beside
        ),
    )


def connect_command(
    argv: Sequence[str],
    *,
    client_name: str = "telexec",
    open_timeout_s: float = OPEN_TIMEOUT_S,
) -> Opening[Client]:
    """Open a session on a host that is a program on its stdin and stdout; see `connect`.

    For example `["ssh", "build-7", "telexec-service", "--listen", "stdio"]`. The program is started
    with nothing of our environment but PATH, HOME and the like.
    """
    return _opening(
        lambda: command_dialer(argv),
        client_name=client_name,
        open_timeout_s=open_timeout_s,
        reconnect=False,
        is_embedded=False,
        wish=SessionWish(),
    )


def _opening(
    make_dialer: Callable[[], Dialer],
    *,
    client_name: str,
    open_timeout_s: float,
    reconnect: bool,
    is_embedded: bool,
    wish: SessionWish,
) -> Opening[Client]:
    async def open_() -> Client:
        dialer = make_dialer()
        connection = Connection(dialer, client_name=client_name, reconnect=reconnect, wish=wish)
        try:
            async with asyncio.timeout(open_timeout_s):
                await connection.open()
        except TimeoutError as error:
            raise HostUnreachableError(
                dialer.address, f"it opened no session within {open_timeout_s:g} s"
            ) from error
        return Client(connection, is_embedded=is_embedded)

    return Opening(open_, Client.close)


async def _detach(process: FollowedProcess) -> None:
    process.detach()
