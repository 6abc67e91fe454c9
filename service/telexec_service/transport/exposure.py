"""Files with secrets that others than their owner may read."""

import os
import stat

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def exposed_mode(path: str) -> str | None:
    """Return the mode of a file, in octal, if its group or everybody may do anything with it.

    None for one that cannot be looked at, too: whoever reads it finds that out.
    """
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return None
    return f"{mode:04o}" if mode & _OTHERS else None
