"""The file in which telexec notes the sessions that it left on hosts."""

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

import msgspec

from telexec_client.cli.errors import CommandError
from telexec_client.cli.printable import printable
from telexec_client.cli.session_book import SessionBook

MAX_FILE_BYTES = 4 * 1024 * 1024
"""The largest file that is read; a full book takes a quarter of it."""

LOCK_TIMEOUT_S = 3.0
"""How long others may hold the file, each of whom needs it for a moment."""

_LOCK_POLL_S = 0.01


class StateFileError(CommandError):
    """The file cannot be read or written."""

    def __init__(self, do: str, path: str, why: str) -> None:
        super().__init__(f"cannot {do} the list of sessions in {printable(path)}: {why}")


class StateFile:
    """A book of sessions in a file, which several programs change at the same time.

    Only its owner can read it. A file that holds anything else is put aside when the next change is
    written.

    Args:
        path: Where it is; its directory is made when it is first written.
        lock_timeout_s: How long to wait while others write it.
    """

    def __init__(self, path: str, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self._path = path
        self._lock_timeout_s = lock_timeout_s

    def read(self) -> SessionBook:
        """Return what the file holds; an empty book if there is no file, or it holds no book.

        Raises:
            StateFileError: It cannot be read.
        """
        return self._read()[0]

    @property
    def path(self) -> str:
        """Where it is."""
        return self._path

    def is_damaged(self) -> bool:
        """Return whether the file holds something else than a book.

        Raises:
            StateFileError: It cannot be read.
        """
        return self._read()[1]

    def change(self, changed: Callable[[SessionBook], SessionBook]) -> None:
        """Write what `changed` makes of the book; nobody else writes in between.

        After a failure, of the system or the disk, the file is as it was before.

        Raises:
            StateFileError: It cannot be read or written, or others hold it for too long.
        """
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with self._locked():
                book, is_damaged = self._read()
                if is_damaged:
                    os.replace(self._path, f"{self._path}.damaged")
                after = changed(book)
                if after != book:
                    self._write(msgspec.json.encode(after))
        except OSError as error:
            raise StateFileError("write", self._path, error.strerror or str(error)) from error

    def _read(self) -> tuple[SessionBook, bool]:
        """Return the book, and whether the file holds something else."""
        try:
            with open(self._path, "rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return SessionBook(), False
        except OSError as error:
            raise StateFileError("read", self._path, error.strerror or str(error)) from error
        if len(content) > MAX_FILE_BYTES:
            return SessionBook(), True
        try:
            return msgspec.json.decode(content, type=SessionBook), False
        except (msgspec.DecodeError, UnicodeDecodeError):
            return SessionBook(), True

    def _write(self, content: bytes) -> None:
        # Whoever reads meanwhile sees the file as it was, or as it will be.
        new = f"{self._path}.new"
        try:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(fd, "wb") as file:
                file.write(content)
            os.replace(new, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(new)
            raise

    @contextmanager
    def _locked(self) -> Generator[None]:
        # Not the file itself, in whose place another one comes.
        fd = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            give_up_at = time.monotonic() + self._lock_timeout_s
            while True:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() >= give_up_at:
                        why = f"another telexec has held it for {self._lock_timeout_s:g} s"
                        raise StateFileError("write", self._path, why) from error
                    time.sleep(_LOCK_POLL_S)
            yield
        finally:
            os.close(fd)


def state_file() -> StateFile:
    """Return the caller's file."""
    directory = os.environ.get("XDG_STATE_HOME", "")
    # A relative one is to be ignored (XDG Base Directory Specification).
    if not os.path.isabs(directory):
        directory = os.path.join(os.path.expanduser("~"), ".local", "state")
    return StateFile(os.path.join(directory, "telexec", "sessions.json"))
