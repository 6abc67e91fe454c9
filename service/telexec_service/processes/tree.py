"""Trees of processes: what one start, or one session, has brought into the world."""

import msgspec

from telexec_service.processes.marks import SERIALS


class Tree(msgspec.Struct, frozen=True):
    """All that carries one of these serials, and all that descends from it.

    Being in a tree does not depend on process groups, sessions or parents, which programs change.
    """

    serials: tuple[range, ...]

    def __contains__(self, serial: int) -> bool:
        return any(serial in serials for serials in self.serials)

    def holds(self, other: "Tree") -> bool:
        """Whether all that is in another tree is in this one."""
        return all(
            any(part[0] in serials and part[-1] in serials for serials in self.serials)
            for part in other.serials
        )


WHOLE_HOST = Tree((SERIALS,))
"""All that was started, and every child of the service that nobody can place any more."""
