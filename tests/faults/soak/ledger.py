"""What a soak run did, and what it found wrong."""

from collections import Counter
from dataclasses import asdict, dataclass, field

from tests.harness import programs


@dataclass
class Ledger:
    """Everything that is counted.

    Attributes:
        lost_bytes: Output that is missing and was not announced as a gap.
        doubled_bytes: Output that came again.
        gap_bytes: Output that was announced as missing.
        most_spill_files: How many files there were at the same time, of those times that were seen.
        wrong: What else was not as it should be, in words.
    """

    sessions: int = 0
    processes: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    lost_bytes: int = 0
    doubled_bytes: int = 0
    gap_bytes: int = 0
    cuts: int = 0
    connections: int = 0
    killed_processes: int = 0
    killed_clients: int = 0
    most_spill_files: int = 0
    expired_sessions: int = 0
    wrong: list[str] = field(default_factory=list[str])

    def check_lines(self, received: bytes, last: int, *, is_whole: bool) -> None:
        """Count numbered lines from 1 that came, and look whether they are all there, each once.

        Args:
            received: What came.
            last: The last number that is written.
            is_whole: Whether all of it must be there; otherwise the beginning.
        """
        self.output_bytes += len(received)
        expected = programs.expected_lines(1, last)
        if received == expected or (not is_whole and expected.startswith(received)):
            return
        came, wanted = Counter(received.splitlines(True)), Counter(expected.splitlines(True))
        if not is_whole:
            # What comes after the last line that came was never read.
            reached = max((int(line) for line in came if line.strip().isdigit()), default=0)
            wanted = Counter(programs.expected_lines(1, reached).splitlines(True))
        lost = sum(map(len, (wanted - came).elements()))
        doubled = sum(map(len, (came - wanted).elements()))
        self.lost_bytes += lost
        self.doubled_bytes += doubled
        if not lost and not doubled:
            self.wrong.append(f"{len(received)} bytes of numbered lines in another order")

    def expect(self, holds: bool, what: str) -> None:
        """Note what should hold and does not."""
        if not holds:
            self.wrong.append(what)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or wrong."""
        return not self.lost_bytes and not self.doubled_bytes and not self.wrong

    def as_dict(self) -> dict[str, object]:
        """Return everything, for JSON."""
        return asdict(self)
