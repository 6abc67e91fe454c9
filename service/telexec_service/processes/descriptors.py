"""How many descriptors the service may have open, and what is kept back of them."""

import os
import resource

from telexec_service.core.failure import limit_reached

MOST_DESCRIPTORS = 1024 * 1024
"""What is asked for where there is no limit: as many as a kernel gives by default (proc(5))."""

_RESERVED = 128
"""So many are kept back from new work, for what it takes to get on with the old, and to answer."""

_MOST_OF_A_CHILD = 4
"""So many are kept low for what a child gets: three, and one that is never lent."""

_RESERVED_PART = 8
"""Not more than this part of the limit, where that is small."""


class Descriptors:
    """The limit of open files (RLIMIT_NOFILE), as high as it may be; children get the old one.

    The lowest free number is what a new descriptor gets: so its number is how many are in use, at
    the least.
    """

    def __init__(self) -> None:
        self._inherited = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._own = self._inherited
        self._low: tuple[int, ...] = ()
        self._lent: list[int] = []

    @property
    def limit(self) -> int:
        """How many there may be."""
        return self._own[0]

    @property
    def _reserved(self) -> int:
        return min(_RESERVED, self.limit // _RESERVED_PART)

    def suffice_for_a_connection(self) -> bool:
        """Whether a connection may be kept: some still may when nothing can be started any more."""
        try:
            newest = os.dup(0)
        except OSError:
            return False
        os.close(newest)
        return newest < self.limit - self._reserved // 2

    def raise_limit(self) -> None:
        """Let the service have as many as the system lets it."""
        soft, hard = self._inherited
        wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else hard
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            # Some containers allow no more than they say; the old one does.
            return
        self._own = (wanted, hard)
        self._low = tuple(
            os.open(os.devnull, os.O_PATH | os.O_CLOEXEC) for _ in range(_MOST_OF_A_CHILD)
        )

    def lend(self, descriptor: int) -> int:
        """Return a descriptor of the same that lies within the limit of children, until `regain`.

        The C library refuses to copy one to a child that the child itself could not have.
        """
        if not self._low or descriptor < self._inherited[0]:
            return descriptor
        low = self._low[len(self._lent)]
        os.dup2(descriptor, low, inheritable=False)
        self._lent.append(low)
        return low

    def regain(self) -> None:
        """Have nothing lent any more. Idempotent."""
        if not self._lent:
            return
        unused = next(it for it in self._low if it not in self._lent)
        while self._lent:
            os.dup2(unused, self._lent.pop(), inheritable=False)

    def close(self) -> None:
        """Give back what is kept for lending. Idempotent."""
        for descriptor in self._low:
            os.close(descriptor)
        self._low = ()

    def lay(self) -> None:
        """Have what this process starts get the limit that it was started with, until `lift`."""
        if self._own != self._inherited:
            resource.setrlimit(resource.RLIMIT_NOFILE, self._inherited)

    def lift(self) -> None:
        """Have the service its own limit again."""
        if self._own != self._inherited:
            resource.setrlimit(resource.RLIMIT_NOFILE, self._own)

    def check(self, descriptor: int, action: str) -> None:
        """Check that after this one there are enough left.

        Args:
            descriptor: The newest.
            action: What it is for, as it goes on after "cannot".

        Raises:
            RpcFailure: There are not.
        """
        if descriptor >= self.limit - self._reserved:
            raise limit_reached(
                f"cannot {action}: the service has nearly as many files open as it may,"
                f" {self.limit} (RLIMIT_NOFILE)",
                "open_files",
                self.limit,
            )
