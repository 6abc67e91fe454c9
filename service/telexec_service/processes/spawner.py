"""Starting children at posix_spawn speed: real pipes or a controlling PTY, a new session, no leaks.

Unlike the event loop's own way this neither forks (whose cost grows with the service's memory) nor
gives children socketpairs (on which `/dev/stdin` cannot be opened).
"""

import contextlib
import errno
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping, Sequence

import msgspec

from telexec_schemas.errors import ErrorCode, ErrorReason
from telexec_schemas.process import ProcessLimits, TerminalSize
from telexec_service.core.failure import RpcFailure
from telexec_service.processes.cgroups import CONTROLLERS, Cgroups
from telexec_service.processes.descriptors import Descriptors
from telexec_service.processes.limits import Confinement
from telexec_service.processes.marks import Marks
from telexec_service.processes.program import (
    check_executable,
    find_program,
    not_executable,
    not_found,
)
from telexec_service.processes.starting import Program, start

_NULL_DEVICE = "/dev/null"


class SpawnRequest(msgspec.Struct, frozen=True):
    """What to start. `size`: on a PTY of this size; None: on pipes. `limits`: besides ours.

    `merge_stderr`: of pipes, one for both streams.
    """

    argv: Sequence[str]
    arg0: str | None
    cwd: str
    environment: Mapping[str, str]
    size: TerminalSize | None
    pipe_stdin: bool
    limits: ProcessLimits | None = None
    merge_stderr: bool = False


class Child(msgspec.Struct, frozen=True):
    """A running child: the leader of a session and process group of its own.

    All descriptors are the caller's to close; they are non-blocking. On a PTY `stdin` and `stdout`
    are two descriptors of the master. There and with one pipe for both there is no `stderr`.
    """

    pid: int
    pidfd: int
    stdin: int | None
    stdout: int
    stderr: int | None
    is_on_pty: bool = False


class Spawner:
    """Starts children.

    Changes the working directory of this process for the moment of a start: nothing else in it may
    use relative paths, and all starts must come from one thread. Children get no descriptor that
    this process inherited itself. They, and all that they start, carry the mark of their start.
    """

    def __init__(
        self,
        marks: Marks,
        confinement: Confinement,
        descriptors: Descriptors | None = None,
        cgroups: Cgroups | None = None,
    ) -> None:
        self._marks = marks
        self._cgroups = cgroups
        self._confinement = confinement
        self._tells_failures = cgroups is None or cgroups.tells_failures
        self.descriptors = descriptors or Descriptors()
        _inherit_nothing_further()
        self._home = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._fallback_path = os.environ.get("PATH", os.defpath)

    @property
    def can_limit(self) -> bool:
        """Whether requests may have limits."""
        return self._confinement.can_limit

    @property
    def tree_limits(self) -> tuple[str, ...]:
        """The limits that requests may have on whole trees, as `ProcessLimits` calls them."""
        return () if self._cgroups is None else self._cgroups.limits

    def close(self) -> None:
        """Give back what the spawner holds; it cannot start anything after that."""
        if self._home >= 0:
            os.close(self._home)
            self._home = -1
            self.descriptors.close()

    def spawn(self, request: SpawnRequest, serial: int) -> Child:
        """Start a child with a mark that says `serial`.

        Raises:
            RpcFailure: The directory or the program is not there or cannot be used, the arguments
                hold a NUL, the host has not what the limits need, or it is out of processes,
                descriptors or memory.
        """
        if request.limits is not None:
            self._check_limits(request.limits)
        for argument in (*request.argv, request.arg0 or ""):
            if "\0" in argument:
                raise RpcFailure(
                    ErrorCode.INVALID_PARAMS,
                    ErrorReason.ARGUMENTS_INVALID,
                    f"cannot pass the argument {argument!r}: it holds a NUL",
                    subject=argument,
                )
        opened = _Opened()
        try:
            if request.size is None:
                return self._spawn_on_pipes(request, serial, opened)
            return self._spawn_on_pty(request, serial, request.size, opened)
        except OSError as error:
            self._clean_up(serial, opened)
            raise RpcFailure(
                ErrorCode.INTERNAL,
                ErrorReason.SPAWN_FAILED,
                f"cannot start {request.argv[0]!r}: {error.strerror}",
                subject=request.argv[0],
            ) from error
        except BaseException:
            self._clean_up(serial, opened)
            raise
        finally:
            opened.close_theirs()
            self.descriptors.regain()

    def _spawn_on_pipes(self, request: SpawnRequest, serial: int, opened: "_Opened") -> Child:
        ours_in: int | None = None
        actions: list[tuple[int | str, ...]] = []
        if request.pipe_stdin:
            read_end, ours_in = opened.pipe(we_read=False)
            actions.append((os.POSIX_SPAWN_DUP2, self.descriptors.lend(read_end), 0))
        else:
            actions.append((os.POSIX_SPAWN_OPEN, 0, _NULL_DEVICE, os.O_RDONLY, 0))
        write_end, ours_out = opened.pipe(we_read=True)
        lent = self.descriptors.lend(write_end)
        actions.append((os.POSIX_SPAWN_DUP2, lent, 1))
        ours_err: int | None = None
        if not request.merge_stderr:
            write_end, ours_err = opened.pipe(we_read=True)
            lent = self.descriptors.lend(write_end)
        actions.append((os.POSIX_SPAWN_DUP2, lent, 2))
        self.descriptors.check(write_end, f"start {request.argv[0]!r}")
        pid = self._posix_spawn(request, serial, actions)
        return Child(pid, _open_pidfd(pid), ours_in, ours_out, ours_err)

    def _spawn_on_pty(
        self, request: SpawnRequest, serial: int, size: TerminalSize, opened: "_Opened"
    ) -> Child:
        master, slave = os.openpty()
        opened.ours.append(master)
        opened.theirs.append(slave)
        self.descriptors.check(slave, f"start {request.argv[0]!r}")
        set_terminal_size(master, size)
        # The first terminal that a session leader opens becomes its controlling one.
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0),
            (os.POSIX_SPAWN_DUP2, 0, 1),
            (os.POSIX_SPAWN_DUP2, 0, 2),
        ]
        os.set_blocking(master, False)
        ours_in = os.dup(master)
        opened.ours.append(ours_in)
        pid = self._posix_spawn(request, serial, actions)
        return Child(pid, _open_pidfd(pid), ours_in, master, None, is_on_pty=True)

    def _posix_spawn(
        self,
        request: SpawnRequest,
        serial: int,
        actions: Sequence[tuple[int | str, ...]],
    ) -> int:
        name = request.argv[0]
        argv = [name if request.arg0 is None else request.arg0, *request.argv[1:]]
        _enter_directory(request.cwd)
        try:
            program = find_program(name, request.environment, self._fallback_path)
            file, arguments = self._confinement.command(program, argv, request.limits)
            if file is not program or not self._tells_failures:
                # What executes it later cannot tell us why it cannot.
                check_executable(program)
            if file is not program and request.arg0 is not None:
                raise not_executable(name, "under limits it cannot have another name (arg0)")
            child = Program(file, arguments, request.environment, actions)
            place = None
            if self._cgroups is not None:
                place = self._cgroups.make(serial, self._confinement.limits(request.limits))
            # From here on this process may open nothing more: it has the limits of the child.
            self._marks.lay(serial)
            try:
                self.descriptors.lay()
                pid = start(child) if place is None else place.start(child)
            except (FileNotFoundError, NotADirectoryError) as error:
                check_executable(program)
                # The file is there, so it is what its first line names.
                raise not_found(name, "the interpreter that it names is not there") from error
            except PermissionError as error:
                check_executable(program)
                raise not_executable(name, "permission denied") from error
            except OSError as error:
                if error.errno == errno.ENOEXEC:
                    why = "it is neither a binary of this host nor a script with a #! line"
                    raise not_executable(name, why) from error
                raise
            finally:
                self.descriptors.lift()
                self._marks.lift()
                if place is not None:
                    place.close()
            self._marks.note_leader(pid, serial)
            self._confinement.prefer_for_oom(pid)
            return pid
        finally:
            os.fchdir(self._home)

    def _clean_up(self, serial: int, opened: "_Opened") -> None:
        opened.close_ours()
        if self._cgroups is not None:
            self._cgroups.release(serial)

    def _check_limits(self, limits: ProcessLimits) -> None:
        for name in CONTROLLERS.keys() - self.tree_limits:
            if getattr(limits, name) is not None:
                raise RpcFailure(
                    ErrorCode.INTERNAL,
                    ErrorReason.SPAWN_FAILED,
                    f"cannot limit a tree by {name}: this host has no cgroups for it",
                    subject=name,
                )


class _Opened:
    """What a start has opened: the ends of the child, and ours, which stay open if it succeeds."""

    __slots__ = ("ours", "theirs")

    def __init__(self) -> None:
        self.ours: list[int] = []
        self.theirs: list[int] = []

    def pipe(self, *, we_read: bool) -> tuple[int, int]:
        """Return the child's and our end of a new pipe; ours is non-blocking."""
        read_end, write_end = os.pipe()
        our_end, their_end = (read_end, write_end) if we_read else (write_end, read_end)
        self.ours.append(our_end)
        self.theirs.append(their_end)
        os.set_blocking(our_end, False)
        return their_end, our_end

    def close_ours(self) -> None:
        """Give back what nobody will use."""
        for descriptor in self.ours:
            os.close(descriptor)

    def close_theirs(self) -> None:
        """Give back what only the child uses: it has copies by now."""
        for descriptor in self.theirs:
            os.close(descriptor)


def _inherit_nothing_further() -> None:
    """Close on exec what whoever started this process left open in it; Python's own files are."""
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor > 2:
            # The descriptor of the listing itself is closed by now.
            with contextlib.suppress(OSError):
                os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's


def set_terminal_size(terminal: int, size: TerminalSize) -> None:
    """Give a PTY a size; the foreground group gets SIGWINCH if it changed (tty_ioctl(4))."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", size.rows, size.columns, 0, 0))


def _open_pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError:
        # Nobody would ever learn of its end.
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _enter_directory(cwd: str) -> None:
    try:
        os.chdir(cwd)
    except OSError as error:
        raise _directory_failure(cwd, error) from error


def _directory_failure(cwd: str, error: OSError) -> RpcFailure:
    reason, why = {
        errno.ENOENT: (ErrorReason.CWD_NOT_FOUND, "no such directory"),
        errno.ENOTDIR: (ErrorReason.CWD_NOT_DIRECTORY, "it is not a directory"),
        errno.EACCES: (ErrorReason.CWD_FORBIDDEN, "permission denied"),
    }.get(error.errno or 0, (ErrorReason.CWD_NOT_FOUND, error.strerror))
    return RpcFailure(
        ErrorCode.INTERNAL, reason, f"cannot start a process in {cwd}: {why}", subject=cwd
    )
