"""What is measured of a subject in one round."""

import abc
from collections.abc import Sequence

from benchmarks.results import Metric
from benchmarks.sizes import Size
from benchmarks.subjects.subject import Ability, Subject


class WrongOutputError(Exception):
    """A subject lost, added or changed something; the text says what."""


class Workload(abc.ABC):
    """One kind of work.

    Attributes:
        name: Names it on the command line and in files.
        title: Heads its table.
        metrics: What it measures.
        needs: Only subjects with these abilities take part.
        only: If not empty, only these subjects.
        without: These subjects do not.
        is_heavy: Whether it starts servers of its own and fills them: then it has fewer rounds.
    """

    name: str
    title: str
    metrics: Sequence[Metric]
    needs: frozenset[Ability] = frozenset({Ability.RUN})
    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    is_heavy = False

    @abc.abstractmethod
    async def measure(self, subject: Subject, size: Size) -> dict[str, float]:
        """Measure one round of a subject whose server runs, and return a value for each metric."""

    def takes(self, subject: Subject) -> bool:
        """Return whether a subject takes part."""
        return (
            subject.abilities >= self.needs
            and (not self.only or subject.name in self.only)
            and subject.name not in self.without
        )


def check_exit(exit_code: int) -> None:
    """Raise an error unless a command succeeded."""
    if exit_code != 0:
        raise WrongOutputError(f"a command ended with {exit_code} and not with 0")
