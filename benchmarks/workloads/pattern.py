"""Output that is known beforehand, checked byte by byte as it comes."""

from benchmarks.workloads.workload import WrongOutputError

_PIECE_BYTES = 2**20


class Pattern:
    """Checks that output repeats some bytes over and over, and counts it."""

    def __init__(self, period: bytes) -> None:
        self._period_bytes = len(period)
        repeats = _PIECE_BYTES // len(period) + 2
        self._expected = period * repeats
        self.seen_bytes = 0
        self._wrong_after: int | None = None

    def take(self, data: bytes) -> None:
        """Check the next bytes; `check_size` says what was wrong."""
        for start in range(0, len(data), _PIECE_BYTES):
            # Compared in place: a copy would cost as much as the comparison.
            piece = data if len(data) <= _PIECE_BYTES else data[start : start + _PIECE_BYTES]
            if not self._expected.startswith(piece, self.seen_bytes % self._period_bytes):
                self._wrong_after = self._wrong_after or self.seen_bytes
            self.seen_bytes += len(piece)

    def check_size(self, expected_bytes: int) -> None:
        """Raise an error unless all bytes have come as expected, and no more."""
        if self._wrong_after is not None:
            raise WrongOutputError(f"output is wrong somewhere after byte {self._wrong_after}")
        if self.seen_bytes != expected_bytes:
            raise WrongOutputError(
                f"{self.seen_bytes} bytes came of {expected_bytes}, all of them as expected"
            )
