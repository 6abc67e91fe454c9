"""What telexec says on its own account."""

import os
from contextlib import suppress

from telexec_client.cli.printable import printable

_STDERR = 2


def say(text: object) -> None:
    """Write one line on stderr, whatever line breaks and odd bytes `text` holds."""
    line = f"telexec: {printable(' '.join(str(text).split()))}\n"
    # Not through `sys.stderr`, which is None when it was closed. Who closed it wants no message.
    with suppress(OSError):
        os.write(_STDERR, line.encode())
