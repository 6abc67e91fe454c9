"""How much a pipe holds."""

import fcntl

PIPE_BYTES = 1024 * 1024
"""The capacity asked of a pipe that carries much; the kernel may give less (pipe(7))."""


def widen(descriptor: int) -> bool:
    """Have a pipe hold more: fewer turns of the loop, and a child that is not held up.

    Only for pipes that need it: it costs more than the pipe did, and of a user without privileges
    the kernel gives no more than 64 to the first, and to further ones next to nothing (pipe(7),
    pipe-user-pages-soft).

    Returns:
        Whether it holds `PIPE_BYTES` now.
    """
    try:
        return fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES) >= PIPE_BYTES
    except PermissionError:
        # Over the user's quota the capacity stays.
        return False
