"""Descriptors 0 to 2, as the caller left them to us."""

import os


def claim_standard_descriptors() -> None:
    """Open /dev/null as those of descriptors 0 to 2 that are closed.

    Otherwise the next socket would get such a number, and output be written into it.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # open(2) gives the lowest free number: this one, as all lower ones are open.
            os.open(os.devnull, os.O_RDWR)
