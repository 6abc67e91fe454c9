"""When a writer of much output is given time to write more before the next read."""

GATHER_AFTER_BYTES = 256 * 1024
"""So much read without a pause makes the first one: a page of output never waits."""

WORTH_BYTES = 64 * 1024
"""A pause after which less comes was not worth it: the writer is slow, or waits for an answer."""


class Gathering:
    """Whether the next read of a pipe should wait a moment.

    A program that writes in small parts, and a little slower than we read, has each part read and
    sent by itself. A pause gathers them. What a network card does with its interrupts is the same:
    it raises fewer of them as long as much comes (interrupt coalescing).
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._needed_bytes = GATHER_AFTER_BYTES

    def note_read(self, size_bytes: int, *, has_emptied: bool) -> bool:
        """Note a read; whether the next one should wait.

        Args:
            size_bytes: How much it took.
            has_emptied: Whether it took all there was. As long as there is more, none waits.
        """
        self._bytes += size_bytes
        if not has_emptied:
            return False
        if self._bytes >= self._needed_bytes:
            self._bytes = 0
            self._needed_bytes = WORTH_BYTES
            return True
        if self._needed_bytes == WORTH_BYTES:
            self._bytes = 0
            self._needed_bytes = GATHER_AFTER_BYTES
        return False
