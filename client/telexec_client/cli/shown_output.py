"""Handing the output of a remote process on, to our own stdout and stderr."""

import errno

from telexec_client.cli.descriptors import OutputDescriptor
from telexec_client.cli.errors import CommandError

_STDOUT, _STDERR = 1, 2


class OutputUnwritableError(CommandError):
    """Output cannot be handed on."""

    def __init__(self, fd: int, cause: OSError) -> None:
        name = "standard output" if fd == _STDOUT else "standard error"
        super().__init__(f"cannot write to {name}: {cause.strerror}")
        self.is_unread = isinstance(cause, BrokenPipeError)
        self.is_hung_up = cause.errno == errno.EIO


class ShownOutput:
    """Our own stdout and stderr, in the place of those of a remote process."""

    def __init__(self) -> None:
        self._stdout = OutputDescriptor(_STDOUT)
        self._stderr = OutputDescriptor(_STDERR)

    async def write(self, data: bytes, *, is_error: bool = False) -> None:
        """Write all of `data`, to stderr if `is_error`.

        Raises:
            OutputUnwritableError: It cannot be written, or nobody reads it any more.
        """
        try:
            await (self._stderr if is_error else self._stdout).write(data)
        except OSError as error:
            raise OutputUnwritableError(_STDERR if is_error else _STDOUT, error) from error
