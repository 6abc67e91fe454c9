"""Forwarding the caller's stdin."""

import errno
import os
import stat

from telexec_client.cli.descriptors import InputDescriptor
from telexec_client.cli.errors import CommandError
from telexec_client.cli.request import RunRequest
from telexec_client.errors import ProcessNotFoundError, StdinClosedError
from telexec_client.process import Process

STDIN = 0


class StdinUnreadableError(CommandError):
    """The caller's stdin cannot be read."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(f"cannot read standard input: {cause.strerror}")


class StdinSource:
    """The caller's stdin, read as data comes."""

    def __init__(self) -> None:
        self._descriptor = InputDescriptor(STDIN)

    async def read(self) -> bytes:
        """Return the next bytes; empty at the end.

        Raises:
            StdinUnreadableError: It cannot be read.
        """
        try:
            return await self._descriptor.read()
        except OSError as error:
            # A terminal that was hung up has no more input.
            if error.errno == errno.EIO:
                return b""
            raise StdinUnreadableError(error) from error


def is_forwarded(request: RunRequest) -> bool:
    """Return whether stdin goes to the remote process.

    A pipe, a file or a socket does, a terminal only when asked for; a device such as /dev/null has
    nothing to forward.
    """
    if request.no_stdin:
        return False
    return is_piped() or (request.interactive and os.isatty(STDIN))


async def forward_stdin(process: Process) -> None:
    """Write stdin to `process` as it comes, and end the process's input where it ends.

    A process that has ended or has closed its input is no error, as with a pipe of a shell.

    Raises:
        StdinUnreadableError: It cannot be read.
    """
    source = StdinSource()
    try:
        while data := await source.read():
            await process.write(data)
        await process.close_stdin()
    except (StdinClosedError, ProcessNotFoundError):
        return


def is_piped() -> bool:
    """Return whether stdin is a pipe, a file or a socket: something to forward."""
    mode = os.fstat(STDIN).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)
