"""When a writer of much output is given time to write more before the next read."""

SPAN_BYTES = 128 * 1024
"""So much is looked at together: a page of output never waits."""

SMALL_BYTES = 16 * 1024
"""What a read takes on average when it is worth to wait for more."""


class Gathering:
    """Whether the next read of a pipe should wait a moment.

    A program that writes in small parts, and a little slower than we read, has each part read and
    sent by itself, at the price of a large one. A pause gathers them. It is what a network card
    does when much comes: it interrupts less often (interrupt coalescing).
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._reads = 0

    def note_read(self, size_bytes: int, *, has_emptied: bool) -> bool:
        """Note a read; whether the next one should wait.

        Args:
            size_bytes: How much it took.
            has_emptied: Whether it took all there was. As long as there is more, none waits.
        """
        if not has_emptied:
            return False
        self._bytes += size_bytes
        self._reads += 1
        if self._bytes < SPAN_BYTES:
            return False
        were_small = self._bytes < self._reads * SMALL_BYTES
        self._bytes = self._reads = 0
        return were_small
